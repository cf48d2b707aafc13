import { createHash } from "node:crypto";
import { jobIdFloor } from "../domain/job-id.js";

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

/**
 * The id of the run that a schedule fires for a time: always the same one, so that whoever comes second finds it. `uid`
 * is the schedule's; `request` tells runs apart that somebody asked for. Ids sort by the time.
 */
export function scheduledRunId(uid: string, timeMs: number, request = ""): string {
  const hash = createHash("sha256").update(`${uid} ${timeMs} ${request}`).digest();
  return jobIdFloor(timeMs) + Array.from(hash.subarray(0, 16), (byte) => alphabet.charAt(byte % 32)).join("");
}
