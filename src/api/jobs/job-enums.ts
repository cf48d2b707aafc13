import type { CommandStatus as CommandStatusName } from "../../domain/job-event.js";
import type {
  Effect as EffectName,
  EffectClass as EffectClassName,
  ResolutionRecord,
  Waiting,
} from "../../domain/job.js";
import { type JobState as JobStateName, jobStates } from "../../domain/job-state.js";
import type { CancelOutcome as CancelOutcomeName } from "../../store/store.js";
import {
  CancelOutcome,
  CommandStatus,
  Effect,
  EffectClass,
  JobState,
  ResolutionKind,
  WaitingReason,
} from "@pointsman/sdk/v1";

/** The domain's names in the contract's numbers. */
export const stateNumbers: Readonly<Record<JobStateName, JobState>> = {
  DELAYED: JobState.DELAYED,
  QUEUED: JobState.QUEUED,
  RUNNING: JobState.RUNNING,
  CANCELLING: JobState.CANCELLING,
  SUCCEEDED: JobState.SUCCEEDED,
  FAILED: JobState.FAILED,
  CANCELLED: JobState.CANCELLED,
  EXPIRED: JobState.EXPIRED,
  INDETERMINATE: JobState.INDETERMINATE,
};

/** The name of a state; undefined for numbers of a newer contract. */
export function stateName(state: JobState): JobStateName | undefined {
  return jobStates.find((name) => stateNumbers[name] === state);
}

export const effectClassNumbers: Readonly<Record<EffectClassName, EffectClass>> = {
  READ_ONLY: EffectClass.READ_ONLY,
  IDEMPOTENT: EffectClass.IDEMPOTENT,
  AT_MOST_ONCE: EffectClass.AT_MOST_ONCE,
};

export const effectNumbers: Readonly<Record<EffectName, Effect>> = {
  NONE: Effect.NONE,
  PARTIAL: Effect.PARTIAL,
  COMPLETE: Effect.COMPLETE,
};

export const waitingNumbers: Readonly<Record<Waiting["reason"], WaitingReason>> = {
  START_TIME: WaitingReason.START_TIME,
  RETRY: WaitingReason.RETRY,
  DEVICE_BUSY: WaitingReason.DEVICE_BUSY,
  HELD: WaitingReason.HELD,
  NO_WORKER: WaitingReason.NO_WORKER,
  CLAIM: WaitingReason.CLAIM,
  LOCKED: WaitingReason.LOCKED,
  PAUSED: WaitingReason.PAUSED,
  LIMIT: WaitingReason.LIMIT,
  FROZEN: WaitingReason.FROZEN,
  RECONCILING: WaitingReason.RECONCILING,
  BREAKER_OPEN: WaitingReason.BREAKER_OPEN,
};

export const commandStatusNumbers: Readonly<Record<CommandStatusName, CommandStatus>> = {
  OK: CommandStatus.OK,
  REJECTED: CommandStatus.REJECTED,
  SKIPPED: CommandStatus.SKIPPED,
  INTERRUPTED: CommandStatus.INTERRUPTED,
};

export const resolutionNumbers: Readonly<Record<ResolutionRecord["kind"], ResolutionKind>> = {
  APPLIED: ResolutionKind.APPLIED,
  NOT_APPLIED: ResolutionKind.NOT_APPLIED,
  RERUN: ResolutionKind.RERUN,
};

export const cancelNumbers: Readonly<Record<CancelOutcomeName | "RECONCILING", CancelOutcome>> = {
  CANCELLED: CancelOutcome.CANCELLED,
  CANCELLING: CancelOutcome.CANCELLING,
  RUNNING: CancelOutcome.RUNNING,
  FINAL: CancelOutcome.FINAL,
  RECONCILING: CancelOutcome.RECONCILING,
};
