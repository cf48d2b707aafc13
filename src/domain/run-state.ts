/** Where a run is in its life. The names are the contract's, without their prefix. */
export const runStates = [
  "RUNNING",
  "PAUSED",
  "STOPPING",
  "CANCELLING",
  "SUCCEEDED",
  "PARTIAL",
  "FAILED",
  "CANCELLED",
  "INDETERMINATE",
] as const;

export type RunState = (typeof runStates)[number];

const live: ReadonlySet<RunState> = new Set(["RUNNING", "PAUSED", "STOPPING", "CANCELLING"]);

/** Whether a run in this state never changes its state again. */
export function isRunFinal(state: RunState): boolean {
  return !live.has(state);
}

/** Where one target of a run is. The names are the contract's, without their prefix. */
export const targetStates = [
  "PENDING",
  "STARTED",
  "SUCCEEDED",
  "FAILED",
  "CANCELLED",
  "EXPIRED",
  "INDETERMINATE",
  "UNTOUCHED",
  "REJECTED",
] as const;

export type TargetState = (typeof targetStates)[number];

/** How many targets of a run are in each state. */
export type RunCounts = Readonly<Record<TargetState, number>>;

/** Failures that a rollout counts. */
export function failuresIn(counts: Pick<RunCounts, "FAILED" | "EXPIRED" | "INDETERMINATE">): number {
  return counts.FAILED + counts.EXPIRED + counts.INDETERMINATE;
}

/** The state in which a run ends whose targets have all ended. */
export function endOfRun(state: RunState, counts: RunCounts): RunState {
  if (counts.INDETERMINATE > 0) return "INDETERMINATE";
  if (state === "CANCELLING") return "CANCELLED";
  const total = targetStates.reduce((sum, name) => sum + counts[name], 0);
  if (counts.SUCCEEDED === total) return "SUCCEEDED";
  return counts.SUCCEEDED > 0 ? "PARTIAL" : "FAILED";
}
