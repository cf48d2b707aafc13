import { matchAnyPrompt } from "./prompt.js";
import type { Platform } from "./platform.js";

/** Waits for the line on which the device repeats what we typed: only behind it does our answer begin. */
export interface EchoFinder {
  /** Whether this finished line is the echo. Lines before it are leftovers of something else. */
  isEcho(line: string): boolean;
}

/**
 * Knows the echo of `command` typed at `prompt`: as it is, cut by a log line in between, scrolled sideways (`$…`), or
 * repainted. A prompt of another name in front of it is fine too: somebody may have renamed the device.
 */
export function createEchoFinder(platform: Platform, prompt: string, command: string): EchoFinder {
  const typed = command.trimEnd();
  const bare = prompt.trimEnd();
  let left = typed;
  return {
    isEcho(line) {
      const seen = line.trimEnd();
      if (typed === "") return seen === bare || matchAnyPrompt(platform, line) !== undefined;
      if (seen === left || seen === `${prompt}${left}`.trimEnd() || seen === typed) return true;
      if (seen.endsWith(typed)) {
        const before = line.slice(0, seen.length - typed.length);
        return before.trim() === "" || before === prompt || matchAnyPrompt(platform, before) !== undefined;
      }
      if (bare === "" || !seen.startsWith(bare)) return false;
      const rest = seen.slice(bare.length).trimStart();
      if (rest === "") return false;
      if (rest.startsWith("$")) return typed.endsWith(rest.slice(1).trimEnd());
      if (typed.startsWith(rest)) {
        left = typed.slice(rest.length).trimEnd();
        return false;
      }
      return isSpread(typed, rest);
    },
  };
}

/** Whether all characters of `text` but blanks stand in `line`, in order. */
function isSpread(text: string, line: string): boolean {
  let at = 0;
  for (const char of text) {
    if (char === " " || char === "\t") continue;
    at = line.indexOf(char, at) + 1;
    if (at === 0) return false;
  }
  return true;
}
