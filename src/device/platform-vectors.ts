import { createCommandGuard } from "../domain/command-rules.js";
import type { Reader } from "./definition-reader.js";
import { told } from "./identity-rules.js";
import type { Platform, PlatformVectors } from "./platform.js";
import { matchAnyPrompt } from "./prompt.js";
import { isReadOnly } from "./read-only.js";
import { createRedactor } from "./redact.js";

/** Reads the `tests` part of a definition. */
export function readVectors(reader: Reader, modes: readonly string[]): PlatformVectors {
  const fields = reader.object(
    ...(["prompts", "errors", "not_errors", "questions", "not_questions"] as const),
    ...(["redact", "read_only", "not_read_only", "denied", "not_denied", "serials", "renames"] as const),
  );
  const texts = (value: Reader): string[] => value.list((item) => item.text());
  return {
    prompts: fields.prompts.list((item) => {
      const { text, mode, host } = item.object("text", "mode", "host");
      const expected = mode.textOrNull();
      if (expected !== null && !modes.includes(expected)) mode.fail("not one of the modes");
      return { text: text.text(), mode: expected, ...(host.absent ? {} : { host: host.text() }) };
    }),
    errors: texts(fields.errors),
    notErrors: texts(fields.not_errors),
    questions: texts(fields.questions),
    notQuestions: texts(fields.not_questions),
    redact: fields.redact.list((item) => {
      const { in: before, out } = item.object("in", "out");
      return { in: before.text(), out: out.text() };
    }),
    readOnly: texts(fields.read_only),
    notReadOnly: texts(fields.not_read_only),
    denied: texts(fields.denied),
    notDenied: texts(fields.not_denied),
    serials: fields.serials.list((item) => {
      const { text, serials } = item.object("text", "serials");
      return { text: text.text(), serials: texts(serials) };
    }),
    renames: fields.renames.list((item) => {
      const { command, host } = item.object("command", "host");
      return { command: command.text(), host: host.textOrNull() };
    }),
  };
}

/** A vector that the definition does not hold to. */
export interface BrokenVector {
  /** Where it stands: `tests.prompts[3]`. */
  readonly field: string;
  readonly problem: string;
}

/** Tries a definition on its own vectors. Empty: it holds to all of them. */
export function brokenVectors(platform: Platform): readonly BrokenVector[] {
  const { vectors } = platform;
  const redactor = createRedactor(platform.secrets);
  const broken: BrokenVector[] = [];
  const each = <T>(field: string, list: readonly T[], problemOf: (item: T) => string | undefined): void => {
    for (const [index, item] of list.entries()) {
      const problem = problemOf(item);
      if (problem !== undefined) broken.push({ field: `tests.${field}[${index}]`, problem });
    }
  };
  const matched = (pattern: RegExp | undefined, expected: boolean) => (line: string) =>
    (pattern?.test(line) ?? false) === expected
      ? undefined
      : `${JSON.stringify(line)} ${expected ? "does not match" : "matches"}`;
  const reads = (expected: boolean) => (line: string) =>
    isReadOnly(platform.readOnly, line) === expected
      ? undefined
      : `${JSON.stringify(line)} is ${expected ? "not " : ""}taken for read-only`;

  const guard = createCommandGuard(platform.commands, [], []);
  const denies = (expected: boolean) => (line: string) =>
    (guard(line) !== undefined) === expected ? undefined : `${JSON.stringify(line)} is ${expected ? "not " : ""}denied`;

  each("prompts", vectors.prompts, ({ text, mode, host }) => {
    const lines = text.split("\n");
    const found = matchAnyPrompt(platform, lines.at(-1) ?? "", lines.at(-2) ?? "");
    if ((found?.mode ?? null) !== mode) return `${JSON.stringify(text)} is taken for ${found?.mode ?? "no prompt"}`;
    return host === undefined || found?.host === host ? undefined : `the host is taken for ${found?.host}`;
  });
  each("errors", vectors.errors, matched(platform.errors, true));
  each("not_errors", vectors.notErrors, matched(platform.errors, false));
  each("questions", vectors.questions, matched(platform.questions, true));
  each("not_questions", vectors.notQuestions, matched(platform.questions, false));
  each("redact", vectors.redact, ({ in: before, out }) => {
    const result = redactor.redact(before);
    return result === out ? undefined : `becomes ${JSON.stringify(result)}`;
  });
  each("read_only", vectors.readOnly, reads(true));
  each("not_read_only", vectors.notReadOnly, reads(false));
  each("denied", vectors.denied, denies(true));
  each("not_denied", vectors.notDenied, denies(false));
  each("serials", vectors.serials, ({ text, serials }) => {
    const found = platform.identity.serial ? told(platform.identity.serial, text) : [];
    const wanted = serials.map((one) => one.toLowerCase());
    return found.join() === wanted.join() ? undefined : `tells ${found.join(", ") || "nothing"}`;
  });
  each("renames", vectors.renames, ({ command, host }) => {
    const found = platform.rename?.exec(command)?.groups?.["host"] ?? null;
    return found === host ? undefined : `names ${found ?? "nothing"}`;
  });
  return broken;
}
