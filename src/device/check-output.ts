import type { Platform } from "./platform.js";
import { matchAnyPrompt } from "./prompt.js";
import { renderLines } from "./screen.js";

/** Something in foreign data that a definition takes for what it may not be. */
export interface Finding {
  /**
   * `prompt`: a prompt inside output. `error`: a rejection in output. `missed`: a prompt that is not recognised.
   * `stuck`: a recorded command whose end is not found. `secret`: a secret that is not redacted. `pieces`: a recorded
   * command that comes out otherwise when its bytes come in other pieces.
   */
  readonly kind: "prompt" | "error" | "missed" | "stuck" | "secret" | "pieces";
  /** From 1, in the file as text; of a recorded session the number of the step. */
  readonly line: number;
  readonly text: string;
}

const caret = /^\s*\^\s*$/;

/**
 * Looks for prompts and rejections in the output of a command, where none should be. Two things are what they look like:
 * a prompt in the very last line, which was recorded with the output; and a rejection that is all there is, or that stands
 * below the caret with which a device points at the word it means. `mayEndWithPrompt` (default true) is false where the
 * output was cut from what followed it.
 */
export function checkOutput(platform: Platform, text: string, mayEndWithPrompt = true): Finding[] {
  const lines = renderLines(text);
  const last = mayEndWithPrompt ? lines.findLastIndex((line) => line.trim() !== "") : -1;
  const isRejected = lines.every((line) => line.trim() === "" || caret.test(line) || platform.errors?.test(line));
  return lines.flatMap((line, index): Finding[] => {
    const found: Finding[] = [];
    const is = (kind: Finding["kind"]): void => void found.push({ kind, line: index + 1, text: line });
    if (index !== last && matchAnyPrompt(platform, line, lines[index - 1] ?? "")) is("prompt");
    if (!isRejected && !caret.test(lines[index - 1] ?? "") && platform.errors?.test(line)) is("error");
    return found;
  });
}

/** Prompts that have to be recognised, and texts that may not be. */
export function checkPrompts(platform: Platform, prompts: readonly string[], others: readonly string[]): Finding[] {
  const isPrompt = (text: string): boolean => {
    const lines = renderLines(text);
    return matchAnyPrompt(platform, lines.at(-1) ?? "", lines.at(-2)) !== undefined;
  };
  return [
    ...prompts.flatMap((text, index): Finding[] => (isPrompt(text) ? [] : [{ kind: "missed", line: index + 1, text }])),
    ...others.flatMap((text, index): Finding[] => (isPrompt(text) ? [{ kind: "prompt", line: index + 1, text }] : [])),
  ];
}
