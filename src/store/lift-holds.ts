import type { Scripts } from "./scripts.js";

/** Devices freed in one call. */
const chunk = 200;

/** Lifts every hold that was laid for this reason. Answers with how many devices. */
export async function liftHolds(scripts: Scripts, root: string, reason: string): Promise<number> {
  let lifted = 0;
  for (let some = chunk; some === chunk; lifted += some) {
    some = Number(await scripts.run("lift", root, reason, chunk));
  }
  return lifted;
}
