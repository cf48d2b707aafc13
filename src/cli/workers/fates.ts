import type { StoppedJob } from "@pointsman/sdk/v1";
import { effectName, fateName, stateName } from "../terminal/format.js";
import { table } from "../terminal/table.js";

/** What became of jobs whose worker was stopped, or whose session was closed. */
export function fateTable(jobs: readonly StoppedJob[]): string {
  const rows = jobs.map((job) => [
    ...[job.id, job.device, fateName(job.fate), stateName(job.state), effectName(job.effect)],
    job.holdsDevice ? "held" : "",
  ]);
  return table(["job", "device", "fate", "state", "effect", "device is"], rows);
}
