import { RunState, RunTargetState } from "@pointsman/sdk/v1";
import {
  type RunState as RunStateName,
  runStates,
  type TargetState as TargetStateName,
  targetStates,
} from "../../domain/run-state.js";

/** The domain's names in the contract's numbers. */
export const runStateNumbers: Readonly<Record<RunStateName, RunState>> = {
  RUNNING: RunState.RUNNING,
  PAUSED: RunState.PAUSED,
  STOPPING: RunState.STOPPING,
  CANCELLING: RunState.CANCELLING,
  SUCCEEDED: RunState.SUCCEEDED,
  PARTIAL: RunState.PARTIAL,
  FAILED: RunState.FAILED,
  CANCELLED: RunState.CANCELLED,
  INDETERMINATE: RunState.INDETERMINATE,
};

export const targetStateNumbers: Readonly<Record<TargetStateName, RunTargetState>> = {
  PENDING: RunTargetState.PENDING,
  STARTED: RunTargetState.STARTED,
  SUCCEEDED: RunTargetState.SUCCEEDED,
  FAILED: RunTargetState.FAILED,
  CANCELLED: RunTargetState.CANCELLED,
  EXPIRED: RunTargetState.EXPIRED,
  INDETERMINATE: RunTargetState.INDETERMINATE,
  UNTOUCHED: RunTargetState.UNTOUCHED,
  REJECTED: RunTargetState.REJECTED,
};

/** Names of states; numbers of a newer contract are left out. */
export function runStateNames(numbers: readonly RunState[]): RunStateName[] {
  return runStates.filter((name) => numbers.includes(runStateNumbers[name]));
}

/** Names of targets' states; numbers of a newer contract are left out. */
export function targetStateNames(numbers: readonly RunTargetState[]): TargetStateName[] {
  return targetStates.filter((name) => numbers.includes(targetStateNumbers[name]));
}
