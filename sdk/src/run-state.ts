import { RunState } from "./v1.js";

const live: ReadonlySet<RunState> = new Set([
  RunState.UNSPECIFIED,
  RunState.RUNNING,
  RunState.PAUSED,
  RunState.STOPPING,
  RunState.CANCELLING,
]);

/** Whether a run in this state never changes its state again. */
export function isRunFinal(state: RunState): boolean {
  return !live.has(state);
}
