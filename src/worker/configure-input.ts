import { ConfigKind, ConfigMode, type ConfigureOperation } from "@pointsman/sdk/v1";
import {
  type ConfigurationLine,
  type ConfigurationRules,
  parseConfiguration,
  type Redactor,
  restoringLines,
} from "../device/index.js";
import { textLines } from "../domain/text-lines.js";
import { AttemptError } from "./failure.js";

/** Whether a configuration only reads. */
export function onlyReads({ mode }: ConfigureOperation): boolean {
  return mode === ConfigMode.PLAN || mode === ConfigMode.RECONCILE;
}

/** The lines of the input, as they are typed. Throws INVALID_REQUEST, UNSUPPORTED_BY_PLATFORM. */
export function linesOfInput(
  platform: string,
  rules: ConfigurationRules,
  operation: ConfigureOperation,
): readonly ConfigurationLine[] {
  const { input, kind } = operation;
  if (kind === ConfigKind.REPLACE && !rules.candidate?.empty) {
    throw new AttemptError("UNSUPPORTED_BY_PLATFORM", `${platform} has no candidate that can be emptied`);
  }
  const given = input.case === "lines" ? input.value.lines : textLines(input.value ?? "");
  if (kind === ConfigKind.SET) checkSettings(platform, rules, given);
  const lines = checked(rules, given);
  if (lines.length === 0) throw new AttemptError("INVALID_REQUEST", "the input holds no line that would be typed");
  return lines;
}

function checkSettings(platform: string, { flat }: ConfigurationRules, given: readonly string[]): void {
  if (!flat) throw new AttemptError("UNSUPPORTED_BY_PLATFORM", `${platform} has no flat form of its configuration`);
  const odd = given.findIndex((line) => {
    const [word = ""] = line.trim().split(/\s/);
    return word !== "" && word !== flat.set && word !== flat.delete;
  });
  if (odd < 0) return;
  throw new AttemptError("INVALID_REQUEST", `line ${odd + 1}: begins neither with ${flat.set} nor with ${flat.delete}`);
}

/** The lines that lead from what runs back to what ran. Throws UNSUPPORTED_BY_PLATFORM, CANNOT_RESTORE. */
export function linesBack(
  platform: string,
  rules: ConfigurationRules,
  running: string,
  before: string,
  redactor: Redactor,
): readonly ConfigurationLine[] {
  const back = restoringLines(rules, running, before, redactor);
  if (!back) {
    const why = rules.flat
      ? "does not show its configuration in the form of its lines"
      : "takes no line away by another line";
    throw new AttemptError("UNSUPPORTED_BY_PLATFORM", `${platform} ${why}`);
  }
  if (back.lost.length > 0) {
    const what = back.lost.map((line) => `"${line}"`).join(", ");
    throw new AttemptError("CANNOT_RESTORE", `secrets are not kept, and these lines hold some: ${what}`);
  }
  return checked(rules, back.lines);
}

function checked(rules: ConfigurationRules, given: readonly string[]): readonly ConfigurationLine[] {
  const { lines, problems } = parseConfiguration(rules, given);
  const [problem] = problems;
  if (problem) throw new AttemptError("INVALID_REQUEST", `line ${problem.index + 1}: ${problem.problem}`);
  return lines;
}
