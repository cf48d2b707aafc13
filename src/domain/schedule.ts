/** When a schedule's times are. */
export type ScheduleTiming =
  | {
      readonly kind: "cron";
      readonly expression: string;
      /** IANA name. */
      readonly timeZone: string;
    }
  | {
      readonly kind: "interval";
      /** As written: "every 30 seconds". */
      readonly every: string;
      readonly periodMs: number;
      /** Counts from the end of the run before instead of from its time. */
      readonly fixedDelay: boolean;
      /** The first time is at once instead of one period later. */
      readonly startNow: boolean;
    }
  | { readonly kind: "once"; readonly atMs: number };

/** What happens at a time while a run of the schedule is still under way. */
export const overlapPolicies = ["SKIP", "QUEUE_ONE", "ALLOW", "CANCEL_PREVIOUS"] as const;
export type OverlapPolicy = (typeof overlapPolicies)[number];

/** What becomes of times at which nobody was there to fire them. */
export const misfirePolicies = ["SKIP", "ONE", "ALL"] as const;
export type MisfirePolicy = (typeof misfirePolicies)[number];

/** When a schedule fires, and what it makes of runs that overlap and times that were missed. Times in milliseconds. */
export interface ScheduleRule {
  readonly timing: ScheduleTiming;
  /** Each time is put off by a part of this, always the same for one schedule and time. */
  readonly jitterMs: number;
  /** No time before this one. */
  readonly startMs?: number;
  /** No time from this one on. */
  readonly endMs?: number;
  readonly overlap: OverlapPolicy;
  readonly misfire: MisfirePolicy;
  /** A missed time that is older than this is not made up for. */
  readonly windowMs: number;
  /** Pauses after this many runs in a row that did not succeed. 0: never. */
  readonly pauseAfterFailures: number;
}

/** What a history tells of a time. */
export type ScheduleOutcome =
  /** A run was started. */
  | "FIRED"
  /** The run before was still under way. */
  | "SKIPPED_OVERLAP"
  /** It waits for the end of the run before. */
  | "QUEUED"
  /** It waited, and the schedule was paused meanwhile. */
  | "SKIPPED_PAUSED"
  /** Nobody was there to fire it, and the misfire policy does not make up for it. */
  | "MISSED"
  /** The run could not be started. */
  | "REFUSED";

/** Why a run was started. */
export type FiringCause = "TIME" | "TRIGGER" | "BACKFILL";
