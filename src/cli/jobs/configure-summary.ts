import { type ConfigureResult, type JobSpec, LinesStanding } from "@pointsman/sdk/v1";
import { presenceName } from "../terminal/format.js";

const standings: Readonly<Partial<Record<LinesStanding, string>>> = {
  [LinesStanding.ALL]: "all of the lines are on the device",
  [LinesStanding.NONE]: "none of the lines is on the device",
  [LinesStanding.SOME]: "some of the lines are on the device",
  [LinesStanding.UNKNOWN]: "whether all lines are on the device is not known",
};

/** What the lines come to that a look at the device told of. */
function standingName(standing: LinesStanding, spec: JobSpec | undefined): string {
  const before = spec?.operation.case === "configure" ? spec.operation.value.beforeJob : "";
  if (before === "" || standing === LinesStanding.UNSPECIFIED) return standings[standing] ?? "";
  if (standing === LinesStanding.ALL) return `what runs is what ran before ${before}`;
  return `these lines are left on the way back to what ran before ${before}`;
}

/** What a configuration came to, for people: the difference, how checks ended, and what became of the change. */
export function configurationSummary(result: ConfigureResult, spec: JobSpec | undefined): string {
  const diff = result.diff;
  const checks = result.checks.map(({ command, after, passed, missing, found }) => {
    const why = [...missing.map((text) => `"${text}" is missing`), ...found.map((text) => `"${text}" is there`)];
    const when = after ? "after" : "before";
    return `check ${when} "${command}": ${passed ? "holds" : `does not hold: ${why.join(", ") || "it was rejected"}`}`;
  });
  const became = (["committed", "confirmed", "saved"] as const).filter((what) => result[what]);
  const found = result.lines.flatMap(({ line, presence }) => {
    const name = presenceName(presence);
    return name === "" ? [] : [`${name.padEnd(7)}  ${line.split("\n")[0]}`];
  });
  const standing = standingName(result.standing, spec);
  const facts = [
    ...found,
    ...(standing === "" ? [] : [standing]),
    ...(diff && diff.bytes === 0 ? ["no difference"] : []),
    ...(result.diffPredicted ? ["the difference is predicted from the running configuration"] : []),
    ...checks,
    ...(result.planHash === "" ? [] : [`plan hash ${result.planHash}`]),
    ...(became.length > 0 ? [became.join(", ")] : []),
    ...(result.rolledBack ? ["taken back: the running configuration is what it was before"] : []),
  ];
  const shown = diff === undefined || diff.text === "" ? [] : [diff.text.trimEnd()];
  return [...shown, ...facts].join("\n");
}
