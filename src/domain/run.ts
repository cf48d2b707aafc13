import type { NewJob } from "./job.js";
import type { RunCounts, RunState, TargetState } from "./run-state.js";

/** How a run goes from target to target. Counts of 0 mean: no limit, none, never. Times in milliseconds. */
export interface RolloutRule {
  readonly canary: number;
  /** Targets in a batch behind the canary; 0: all the rest in one. */
  readonly batchSize: number;
  readonly maxParallel: number;
  /** The limit for each value of each limiting label, in the order of a target's `lanes`. */
  readonly laneLimits: readonly number[];
  /** Whether targets have redundancy groups. */
  readonly grouped: boolean;
  readonly pauseMs: number;
  readonly holdAfterCanary: boolean;
  readonly maxFailures: number;
  readonly maxFailurePercent: number;
  readonly minSuccessPercent: number;
  readonly pauseOnFailure: boolean;
}

/** Why a target was refused when its run was created. */
export interface TargetRejection {
  /** A reason of the error registry. */
  readonly reason: string;
  readonly message: string;
}

/** A target as a run is created with it, and as it is kept. */
export interface RunTargetRecord {
  /** Name of the device, or address and port. */
  readonly name: string;
  /** The zone it was in when the run was created: its job is there. */
  readonly zone: string;
  /** The encoded RunTarget, without secrets, where it is more than a device's name. Base 64. Opaque to the store. */
  readonly own?: string;
  /** Its login, sealed for this target of this run. Kept apart, and erased when the run ends. */
  readonly secret?: Uint8Array;
  /** Redundancy group: no two of one are worked on at a time. */
  readonly group?: string;
  /** Values of the limiting labels, in the order of the rule's `laneLimits`; null where the device has none. */
  readonly lanes?: readonly (string | null)[];
  readonly rejection?: TargetRejection;
}

/** What a new run brings. The store adds times, states and counts. */
export interface NewRun {
  readonly id: string;
  readonly creator: string;
  /** The encoded RunSpec without its lists of targets. Opaque to the store. */
  readonly spec: Uint8Array;
  readonly rollout: RolloutRule;
  readonly labels: Readonly<Record<string, string>>;
  readonly targets: readonly RunTargetRecord[];
  /** The run this one does again. */
  readonly retryOf?: string;
  /** The schedule that fires it, and the time of the schedule that it stands for. */
  readonly schedule?: string;
  readonly scheduledMs?: number;
  /** Set when the caller gave a request id: who and which method, which id, and a hash of the request as received. */
  readonly idempotency?: {
    readonly scope: string;
    readonly requestId: string;
    readonly fingerprint: string;
  };
}

/** A run as stored, without its targets. Times are milliseconds since the epoch, by the store's clock. */
export interface RunRecord extends Omit<NewRun, "targets" | "idempotency"> {
  readonly state: RunState;
  readonly counts: RunCounts;
  readonly createMs: number;
  readonly endMs?: number;
  /** Why it is paused, stopped or cancelled, and who said so; empty: the rollout itself. */
  readonly reason: string;
  readonly changedBy: string;
  readonly retriedBy?: string;
  /** The batch that is worked on, from 1; 0: none yet. */
  readonly batch: number;
  /** When the next batch may begin. Only while it waits between two. */
  readonly nextMs?: number;
  /** Failures from before somebody resumed it in spite of them. */
  readonly forgiven: number;
  /** Whether cancelling it also interrupts what has started. */
  readonly interrupt: boolean;
  /** Grows with every change of anything here. */
  readonly revision: number;
  /** Targets, those that were refused included. */
  readonly total: number;
}

/** One target's progress. */
export interface TargetProgress {
  readonly index: number;
  readonly state: TargetState;
  /** Its job, once it started. */
  readonly job?: string;
}

/** A target that has started and whose job is to be made. */
export interface DueTarget {
  readonly index: number;
  readonly record: RunTargetRecord;
  /** The id its job has, whoever makes it. */
  readonly job: string;
}

/** Makes the jobs of a run's targets, one for each in order, or says why there can be none any more. */
export type MakeRunJobs = (
  run: RunRecord,
  targets: readonly DueTarget[],
) => Promise<readonly (NewJob | TargetRejection)[]>;

/** A numbered fact of a run's history: a target that ended, or a change of the run itself. Numbers start at 1. */
export type RunEntry =
  | { readonly kind: "ended"; readonly index: number; readonly state: TargetState; readonly timeMs: number }
  | { readonly kind: "changed"; readonly timeMs: number };
