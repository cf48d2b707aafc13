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
  return new LearningMatcher(platform);
}

/** One for each session: a class, so that all of them are of one shape and share their methods. */
class LearningMatcher implements PromptMatcher {
  private readonly platform: Platform;
  private readonly tellsByLine: boolean;
  private host: string | undefined = undefined;
  private blanks = "";
  private renamed: string | undefined = undefined;
  private last: PromptMatch | undefined = undefined;

  constructor(platform: Platform) {
    this.platform = platform;
    this.tellsByLine = platform.modes.every(({ below }) => below === undefined);
  }

  get learnt(): boolean {
    return this.host !== undefined;
  }

  match(line: string, above?: string): PromptMatch | undefined {
    const { host, renamed, last } = this;
    if (host === undefined) return undefined;
    if (this.tellsByLine && line === last?.text) return last;
    if (!this.mayBear(line, host) && !this.mayBear(line, renamed)) return undefined;
    const found = matchAnyPrompt(this.platform, line, above);
    if (!found || blanksOf(line) !== this.blanks) return undefined;
    if (!this.isSame(found.host, host) && !this.isSame(found.host, renamed)) return undefined;
    return (this.last = found);
  }

  learn(prompt: PromptMatch): void {
    // A cut name in a configuration prompt is no reason to forget the whole one.
    if (!(prompt.host !== this.host && this.isSame(prompt.host, this.host))) this.host = prompt.host;
    this.blanks = blanksOf(prompt.text);
    this.renamed = undefined;
    if (prompt !== this.last) this.last = undefined;
  }

  expectRename(host: string): void {
    this.renamed = host;
  }

  private mayBear(line: string, name: string | undefined): boolean {
    if (name === undefined) return false;
    // What of a name stands in every prompt that bears it.
    const { hostKept } = this.platform;
    return line.includes(hostKept > 0 ? name.slice(0, hostKept) : name);
  }

  private isSame(seen: string, known: string | undefined): boolean {
    const { hostFollowedBy, hostKept } = this.platform;
    return (
      known !== undefined &&
      (seen === known ||
        (hostFollowedBy !== "" && seen.startsWith(known + hostFollowedBy)) ||
        (hostKept > 0 && seen.length >= hostKept && known.startsWith(seen)))
    );
  }
}

function blanksOf(line: string): string {
  return line.slice(line.trimEnd().length);
}
