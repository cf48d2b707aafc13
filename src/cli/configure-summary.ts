import type { ConfigureResult } from "@pointsman/sdk/v1";

/** What a configuration came to, for people: the difference, how checks ended, and what became of the change. */
export function configurationSummary(result: ConfigureResult): string {
  const diff = result.diff;
  const checks = result.checks.map(({ command, after, passed, missing, found }) => {
    const why = [...missing.map((text) => `"${text}" is missing`), ...found.map((text) => `"${text}" is there`)];
    const when = after ? "after" : "before";
    return `check ${when} "${command}": ${passed ? "holds" : `does not hold: ${why.join(", ") || "it was rejected"}`}`;
  });
  const became = (["committed", "confirmed", "saved"] as const).filter((what) => result[what]);
  const facts = [
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
