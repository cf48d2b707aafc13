import { list, type Scripts, text } from "./scripts.js";

/** Devices freed in one call. */
const chunk = 200;

/**
 * Lifts every hold that was laid for this reason. `history`: the one that was told the journal; default: whichever, a
 * person says so. Answers with how many devices, and whether the whole zone was closed for it; ANOTHER: by now it is
 * another history, which was not told.
 */
export async function liftHolds(scripts: Scripts, root: string, reason: string, history = "") {
  let devices = 0;
  for (;;) {
    const [lifted, opened] = list(await scripts.run("lift", root, reason, chunk, history));
    if (text(lifted) === "ANOTHER") return "ANOTHER";
    devices += Number(lifted);
    if (Number(lifted) < chunk) return { devices, opened: Number(opened) === 1 };
  }
}
