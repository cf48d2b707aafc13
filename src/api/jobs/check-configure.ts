import { ConfigKind, ConfigMode, type ConfigureOperation } from "@pointsman/sdk/v1";
import { textLines } from "../../domain/text-lines.js";
import { type FieldProblem, invalidRequest, problem } from "../../errors.js";
import type { JobWish } from "./job-wish.js";
import type { PlatformCatalogue } from "../devices/platform-catalogue.js";

/**
 * Refuses, before a job of it is made, configuration that the platform would never be given, and checks that do more than
 * look. Throws INVALID_REQUEST with every field that is wrong, and CONSENT_REQUIRED for what is known from documents only.
 */
export function checkConfigure(
  platforms: PlatformCatalogue,
  { platform, maxSessions }: { readonly platform: string; readonly maxSessions: number | undefined },
  { spec, field }: JobWish,
): void {
  if (spec.operation.case !== "configure") return;
  const operation = spec.operation.value;
  const place = `${field}.configure`;
  const isBack = operation.beforeJob !== "";
  // What leads back is worked out by the worker; the text is what it leads to.
  const problems: FieldProblem[] = (isBack ? [] : platforms.configurationProblems(platform, inputLines(operation))).map(
    ({ index, problem: description }) =>
      operation.input.case === "lines"
        ? { field: `${place}.lines.lines[${index}]`, description }
        : { field: `${place}.text`, description: `line ${index + 1}: ${description}` },
  );
  if (operation.input.case === undefined) {
    problems.push({ field: place, description: "needs lines, text, lines_of or before_job" });
  }
  const { mode, save, acceptUnproven, acceptReboot } = operation;
  const changes = mode !== ConfigMode.PLAN && mode !== ConfigMode.RECONCILE;
  if (isBack && changes && operation.planHash === "") {
    problems.push({ field: `${place}.plan_hash`, description: "is required: going back is planned first" });
  }
  if (isBack && operation.kind === ConfigKind.REPLACE) {
    const description = "does not go with before_job: the lines that lead back are typed into what runs";
    problems.push({ field: `${place}.kind`, description });
  }
  for (const name of ["pre_checks", "post_checks"] as const) {
    const checks = name === "pre_checks" ? operation.preChecks : operation.postChecks;
    for (const [index, { command }] of checks.entries()) {
      if (platforms.isReadOnly(platform, command)) continue;
      problems.push({ field: `${place}.${name}[${index}].command`, description: "is not known to be read-only" });
    }
  }
  const confirmed = mode === ConfigMode.APPLY_CONFIRMED;
  const unconfirmable = confirmed ? platforms.confirmationProblem(platform, maxSessions) : undefined;
  if (unconfirmable !== undefined) problems.push({ field: `${place}.mode`, description: unconfirmable });
  if (problems.length > 0) throw invalidRequest(...problems);
  if (mode === ConfigMode.RECONCILE) return;
  const wish = { changes, confirmed, save, acceptUnproven, acceptReboot };
  const missing = platforms.missingConsent(platform, wish);
  if (missing !== undefined) throw problem("CONSENT_REQUIRED", missing);
}

/** The lines of the input, however they were given. */
function inputLines({ input }: ConfigureOperation): readonly string[] {
  if (input.case === "lines") return input.value.lines;
  return textLines(input.value ?? "");
}
