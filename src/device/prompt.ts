import { ownText } from "./own-text.js";
import type { Platform } from "./platform.js";

/** A prompt that was recognised. */
export interface PromptMatch {
  readonly mode: string;
  readonly host: string;
  /** The whole last line. */
  readonly text: string;
}

/** Longer last lines are output, whatever they look like. */
const longestPrompt = 256;

/**
 * Recognises any prompt of the platform, of whatever device. `above` is the line before it, by which some platforms tell
 * their modes apart; without it the first mode whose prompt fits is taken.
 */
export function matchAnyPrompt(platform: Platform, line: string, above?: string): PromptMatch | undefined {
  if (line.length === 0 || line.length > longestPrompt) return undefined;
  for (const { name, prompt, below } of platform.modes) {
    if (above !== undefined && below && !below.test(above)) continue;
    const host = prompt.exec(line)?.groups?.["host"];
    if (host !== undefined) return { mode: name, host: ownText(host), text: ownText(line) };
  }
  return undefined;
}

/** Knows this device's own prompt: once its name is learnt, no other name is taken for a prompt. */
export interface PromptMatcher {
  /** The prompt of this device, blanks at its end included, or undefined. `above` is the line before it. */
  match(line: string, above?: string): PromptMatch | undefined;
  /** From now on the device is called as this prompt says. */
  learn(prompt: PromptMatch): void;
  /** The next prompt may also bear this name: a command that renames the device was sent. */
  expectRename(host: string): void;
  /** False until a first prompt was learnt. */
  readonly learnt: boolean;
}

/** A matcher that has learnt nothing yet. */
export function createPromptMatcher(platform: Platform): PromptMatcher {
  let host: string | undefined;
  let blanks = "";
  let renamed: string | undefined;
  let last: PromptMatch | undefined;
  const tellsByLine = platform.modes.every(({ below }) => below === undefined);
  /** What of a name stands in every prompt that bears it. */
  const stem = (name: string): string => (platform.hostKept > 0 ? name.slice(0, platform.hostKept) : name);
  const mayBear = (line: string, name: string | undefined): boolean => name !== undefined && line.includes(stem(name));
  const isSame = (seen: string, known: string | undefined): boolean =>
    known !== undefined &&
    (seen === known ||
      (platform.hostFollowedBy !== "" && seen.startsWith(known + platform.hostFollowedBy)) ||
      (platform.hostKept > 0 && seen.length >= platform.hostKept && known.startsWith(seen)));
  return {
    match(line, above) {
      if (host === undefined) return undefined;
      if (tellsByLine && line === last?.text) return last;
      if (!mayBear(line, host) && !mayBear(line, renamed)) return undefined;
      const found = matchAnyPrompt(platform, line, above);
      if (!found || blanksOf(line) !== blanks) return undefined;
      if (!isSame(found.host, host) && !isSame(found.host, renamed)) return undefined;
      return (last = found);
    },
    learn(prompt) {
      // A cut name in a configuration prompt is no reason to forget the whole one.
      if (!(prompt.host !== host && isSame(prompt.host, host))) host = prompt.host;
      blanks = blanksOf(prompt.text);
      renamed = undefined;
      if (prompt !== last) last = undefined;
    },
    expectRename(next) {
      renamed = next;
    },
    get learnt() {
      return host !== undefined;
    },
  };
}

function blanksOf(line: string): string {
  return line.slice(line.trimEnd().length);
}
