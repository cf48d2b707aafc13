import type { RunSpec } from "@pointsman/sdk/v1";

/**
 * The secrets of calls that a run holds, as what is wrong with it. Its operations are kept and shown as they came, so none
 * may stand there. `field` is its path in the request.
 */
export function secretsIn(
  { job, targets }: RunSpec,
  field: string,
): readonly { readonly field: string; readonly description: string }[] {
  const holders = [job, ...targets];
  return holders.flatMap((holder, index) => {
    if (holder?.operation.case !== "http") return [];
    const { secretHeaders, signingSecret } = holder.operation.value;
    const path = `${field}.${index === 0 ? "job" : `targets[${index - 1}]`}.http`;
    const description = "must be empty: a run keeps no secrets of calls; create a job for each call that has some";
    return [
      ...(Object.keys(secretHeaders).length > 0 ? [{ field: `${path}.secret_headers`, description }] : []),
      ...(signingSecret !== "" ? [{ field: `${path}.signing_secret`, description }] : []),
    ];
  });
}
