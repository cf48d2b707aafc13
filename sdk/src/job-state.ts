import { JobState, type CommandResult, type Job } from "./v1.js";

const final: ReadonlySet<JobState> = new Set([
  JobState.SUCCEEDED,
  JobState.FAILED,
  JobState.CANCELLED,
  JobState.EXPIRED,
  JobState.INDETERMINATE,
]);

/** Whether a job in this state has ended. INDETERMINATE has: it never changes its state, it is only resolved. */
export function isFinal(state: JobState): boolean {
  return final.has(state);
}

/** The results of a job's commands, in their order; empty for other work, and before the first ended. */
export function commandResults(job: Job): readonly CommandResult[] {
  return job.result?.result.case === "commands" ? job.result.result.value.commands : [];
}
