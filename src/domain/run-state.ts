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

/**
 * One letter for each target, so that the states of all are one short text. A target that has started is an "s" until
 * its job is known to be there, then a "j".
 */
const targetCodes = {
  p: "PENDING",
  s: "STARTED",
  j: "STARTED",
  S: "SUCCEEDED",
  F: "FAILED",
  C: "CANCELLED",
  E: "EXPIRED",
  I: "INDETERMINATE",
  U: "UNTOUCHED",
  R: "REJECTED",
} as const satisfies Record<string, TargetState>;

/** The state that a letter stands for. */
export function stateOfCode(code: string): TargetState {
  const state = (targetCodes as Readonly<Record<string, TargetState>>)[code];
  if (state === undefined) throw new RangeError(`no target state has the letter ${code}`);
  return state;
}

/** The letters that stand for a state. */
export function codesOf(state: TargetState): readonly string[] {
  return Object.entries(targetCodes).flatMap(([code, name]) => (name === state ? [code] : []));
}

/** Whether a target in this state never changes its state again. */
export function isTargetFinal(state: TargetState): boolean {
  return state !== "PENDING" && state !== "STARTED";
}

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
