import { list, type Scripts } from "./scripts.js";

/** Devices freed in one call. */
const chunk = 200;

/** Lifts every hold that was laid for this reason. Answers with how many devices, and whether the whole zone was closed for it. */
export async function liftHolds(scripts: Scripts, root: string, reason: string) {
  let devices = 0;
  for (;;) {
    const [lifted = 0, opened] = list(await scripts.run("lift", root, reason, chunk)).map(Number);
    devices += lifted;
    if (lifted < chunk) return { devices, opened: opened === 1 };
  }
}
