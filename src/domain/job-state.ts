/** Where a job is in its life. The names are the contract's, without their prefix. */
export const jobStates = [
  "DELAYED",
  "QUEUED",
  "RUNNING",
  "CANCELLING",
  "SUCCEEDED",
  "FAILED",
  "CANCELLED",
  "EXPIRED",
  "INDETERMINATE",
] as const;

export type JobState = (typeof jobStates)[number];

const ends = ["SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED", "INDETERMINATE"] as const;

/**
 * Every move a job may make. The scripts in the store and their tests are checked against this table; what is not in
 * it does not happen. RUNNING → QUEUED hands work back that never reached its point of no return; QUEUED → FAILED
 * refuses a job that was not to wait.
 */
export const allowedMoves: Readonly<Record<JobState, readonly JobState[]>> = {
  DELAYED: ["QUEUED", "CANCELLED", "EXPIRED"],
  QUEUED: ["RUNNING", "FAILED", "CANCELLED", "EXPIRED"],
  RUNNING: ["QUEUED", "DELAYED", "CANCELLING", ...ends],
  CANCELLING: ["SUCCEEDED", "FAILED", "CANCELLED", "INDETERMINATE"],
  SUCCEEDED: [],
  FAILED: [],
  CANCELLED: [],
  EXPIRED: [],
  INDETERMINATE: [],
};

/** Whether a job in this state never changes its state again. */
export function isFinal(state: JobState): boolean {
  return allowedMoves[state].length === 0;
}
