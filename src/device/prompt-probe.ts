import type { Platform } from "./platform.js";
import { matchAnyPrompt, type PromptMatch, type PromptMatcher } from "./prompt.js";

/** Finds out whether a last line that looks like a prompt is one. */
export interface PromptProbe {
  /** Asks at this last line, which is empty where a message took the prompt's place. False: it was asked often enough. */
  ask(line: string): boolean;
  /** Takes what comes while it asks. False: this is output, and so is what was taken before, which is let go by now. */
  take(text: string, endsLine: boolean): boolean;
  /** The prompt at this last line, and what stood before it on the line where it was asked for. */
  find(line: string, above: string | undefined): { readonly prompt: PromptMatch; readonly before: string } | undefined;
}

const most = 3;

/** An empty line makes a command line interpreter say its prompt again, and nothing else do so. */
export function createPromptProbe(
  platform: Platform,
  matcher: PromptMatcher,
  typeEmptyLine: () => void,
  letGo: (line: string) => void,
): PromptProbe {
  let asked = 0;
  let at = "";
  let held: string[] = [];
  return {
    ask(line) {
      if (asked >= most) return false;
      asked++;
      at = line;
      held = [];
      typeEmptyLine();
      return true;
    },
    take(text, endsLine) {
      const isMore =
        held.length === 0 ? text.trimEnd() === at.trimEnd() : text.trim() === "" || platform.above?.test(text);
      if (endsLine && isMore) {
        held.push(held.length === 0 ? at : text);
        return true;
      }
      for (const line of held) letGo(line);
      return false;
    },
    find(line, above) {
      if (held.length === 0) return undefined;
      const ours = matcher.match(line, above);
      if (at === "") return ours && { prompt: ours, before: "" };
      const prompt = ours ?? matchAnyPrompt(platform, line, above);
      if (!prompt || !at.endsWith(line)) return undefined;
      return { prompt, before: at.slice(0, at.length - line.length) };
    },
  };
}
