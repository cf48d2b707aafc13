import { ConfigMode, type CommandsOperation, type ConfigureOperation } from "@pointsman/sdk/v1";
import {
  type CommandRule,
  createCommandGuard,
  type Denial,
  explainDenial,
  type RuledWork,
  rulesFor,
} from "../../domain/command-rules.js";
import { textLines } from "../../domain/text-lines.js";
import { invalidRequest, problem } from "../../errors.js";
import type { JobWish } from "./job-wish.js";
import type { PlatformCatalogue } from "../devices/platform-catalogue.js";

/** A line that would be sent, and the field it stands in. */
interface Sent {
  readonly field: string;
  readonly line: string;
  /** Its number in a whole text, from 1. */
  readonly number?: number;
  /** It is typed where the device asks, and is no command there. */
  readonly isAnswer?: boolean;
}

/**
 * Refuses work of which a line must not be sent, or cannot be. Throws COMMAND_DENIED and INVALID_REQUEST, with every field
 * that holds one.
 */
export function checkCommands(
  platforms: PlatformCatalogue,
  rules: readonly CommandRule[],
  { spec, field }: JobWish,
  work: RuledWork,
): void {
  const { operation, liftedCommands } = spec;
  const commands = platforms.commands(work.platform);
  if (!commands) return;
  const guard = createCommandGuard(commands, rulesFor(rules, work), liftedCommands);
  const sent =
    operation.case === "commands"
      ? linesOfCommands(`${field}.commands`, operation.value)
      : operation.case === "configure"
        ? linesOfConfigure(platforms, work.platform, `${field}.configure`, operation.value)
        : [];
  const untypable = sent.flatMap(({ field, line, isAnswer }) => {
    const description = isAnswer ? undefined : platforms.lineProblem(work.platform, line);
    return description === undefined ? [] : [{ field, description }];
  });
  if (untypable.length > 0) throw invalidRequest(...untypable);
  const denied = sent.flatMap((one) => {
    const denial = guard(one.line);
    return denial ? [{ ...one, denial }] : [];
  });
  const [first] = denied;
  if (!first) return;
  const fields = denied.map(({ field, number, denial }) => {
    const place = number === undefined ? "" : `line ${number}: `;
    return { field, description: `${place}${explainDenial(denial)}` };
  });
  throw problem("COMMAND_DENIED", `${first.field}: ${fields[0]?.description}`, {
    metadata: denialMetadata(first.denial),
    fields,
  });
}

/** What a denial says for programs. */
function denialMetadata({ rule, pattern, command }: Denial): Readonly<Record<string, string>> {
  return { rule: rule ?? "built_in", pattern, command };
}

function linesOfCommands(field: string, { commands }: CommandsOperation): Sent[] {
  return commands.flatMap(({ command, answers, waitForReturn }, index) => {
    const place = `${field}.commands[${index}]`;
    const typed = answers.map(({ answer }, at) => ({
      field: `${place}.answers[${at}].answer`,
      line: answer,
      isAnswer: true,
    }));
    const checks = (waitForReturn?.checks ?? []).map((check, at) => ({
      field: `${place}.wait_for_return.checks[${at}].command`,
      line: check.command,
    }));
    return [{ field: `${place}.command`, line: command }, ...typed, ...checks];
  });
}

function linesOfConfigure(
  platforms: PlatformCatalogue,
  platform: string,
  field: string,
  operation: ConfigureOperation,
): Sent[] {
  if (operation.mode === ConfigMode.RECONCILE) return [];
  const checks = (["pre_checks", "post_checks"] as const).flatMap((name) =>
    (name === "pre_checks" ? operation.preChecks : operation.postChecks).map(({ command }, index) => ({
      field: `${field}.${name}[${index}].command`,
      line: command,
    })),
  );
  const saving = operation.save ? platforms.savingLine(platform) : undefined;
  const saved = saving === undefined ? [] : [{ field: `${field}.save`, line: saving }];
  return [...inputOf(platforms, platform, field, operation), ...checks, ...saved];
}

function inputOf(
  platforms: PlatformCatalogue,
  platform: string,
  field: string,
  { input, linesOf, beforeJob }: ConfigureOperation,
): Sent[] {
  // What leads back is worked out by the worker, which asks again.
  if (beforeJob !== "" || input.case === undefined) return [];
  const given = input.case === "lines" ? input.value.lines : textLines(input.value);
  return platforms.configurationLines(platform, given).map(({ index, text: line }) => {
    if (linesOf !== "") return { field: `${field}.lines_of`, line, number: index + 1 };
    if (input.case === "lines") return { field: `${field}.lines.lines[${index}]`, line };
    return { field: `${field}.text`, line, number: index + 1 };
  });
}
