import type { ConfigurationRules } from "./configuration-rules.js";
import { helpKeyProblem } from "./help-key.js";

/** One thing that is typed and answered: a line, with the lines of its block where it opens one. */
export interface ConfigurationLine {
  /** Indentation kept. */
  readonly text: string;
  /** Where it stands in the input, from 0. */
  readonly index: number;
  /** What follows when the device asks for more, the closing line included. */
  readonly block: { readonly invite: RegExp; readonly lines: readonly string[] } | undefined;
}

/** A line of input that cannot be typed. */
export interface LineProblem {
  /** From 0, in the input. */
  readonly index: number;
  readonly problem: string;
}

/** What input comes to. */
export interface ParsedConfiguration {
  readonly lines: readonly ConfigurationLine[];
  readonly problems: readonly LineProblem[];
}

/**
 * Reads lines of configuration as they would be typed: empty lines and comments mean nothing, a block stays together,
 * and a line that would leave the configuration, commit, save or run something else is a problem, as is one with a key
 * that asks for help. Tabs become blanks. A closing `end` at the very end of the input is left out, as whole
 * configurations have it.
 */
export function parseConfiguration(rules: ConfigurationRules, input: readonly string[]): ParsedConfiguration {
  const lines: ConfigurationLine[] = [];
  const problems: LineProblem[] = [];
  const last = input.findLastIndex((line) => line.trim() !== "");
  for (let at = 0; at <= last; at++) {
    // A tab is a key that completes words; a blank divides them alike.
    const text = (input[at] ?? "").trimEnd().replaceAll("\t", " ");
    if (text.trim() === "" || rules.comment?.test(text)) continue;
    if (at === last && text.trim() === rules.leave.send) continue;
    if (rules.refused?.test(text)) {
      problems.push({ index: at, problem: `"${text.trim()}" is not configuration, and is never typed among it` });
      continue;
    }
    const helps = helpKeyProblem(rules.helpKey, text);
    if (helps !== undefined) {
      problems.push({ index: at, problem: helps });
      continue;
    }
    const opened = rules.blocks.find(({ start }) => start.test(text));
    if (!opened) {
      lines.push({ text, index: at, block: undefined });
      continue;
    }
    const found = opened.start.exec(text);
    const delimiter = found?.groups?.["delimiter"];
    const closes = (line: string): boolean =>
      delimiter === undefined ? (opened.end?.test(line) ?? false) : line.includes(delimiter);
    const behind = text.slice((found?.index ?? 0) + (found?.[0].length ?? 0));
    if (delimiter !== undefined && behind.includes(delimiter)) {
      lines.push({ text, index: at, block: undefined });
      continue;
    }
    const end = input.findIndex((line, index) => index > at && closes(line));
    if (end < 0) {
      problems.push({ index: at, problem: "this opens a text that is never closed" });
      break;
    }
    const body = input.slice(at + 1, end);
    // A device may take the first character alone for the delimiter and would run what follows it as commands.
    if (delimiter !== undefined && [behind, ...body].some((line) => line.includes(delimiter.charAt(0)))) {
      problems.push({ index: at, problem: `the text holds "${delimiter.charAt(0)}", with which its delimiter begins` });
    }
    lines.push({ text, index: at, block: { invite: opened.invite, lines: input.slice(at + 1, end + 1) } });
    at = end;
  }
  return { lines, problems };
}
