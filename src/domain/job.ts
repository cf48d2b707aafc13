import type { JobState } from "./job-state.js";

/** What repeating the work would mean. */
export type EffectClass = "READ_ONLY" | "IDEMPOTENT" | "AT_MOST_ONCE";

/** How much of the work took effect. */
export type Effect = "NONE" | "PARTIAL" | "COMPLETE";

/** What happens to a job whose dedupe key a live job has: refused, answered with that job, or put in its place. */
export type DedupePolicy = "REJECT" | "JOIN" | "REPLACE";

/** Kinds of operation. */
export type JobType = "commands" | "configure" | "probe" | "http" | "shell" | "task";

/** Why work failed. Never holds a secret; device text in it is redacted. */
export interface Failure {
  /** A reason of the error registry. */
  readonly reason: string;
  readonly message: string;
  readonly deviceMessage?: string;
  /** The last bytes received, at most 4 KiB. */
  readonly tail?: string;
  readonly expected?: string;
  readonly mode?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** One try of a job by one worker. Times are milliseconds since the epoch, by the store's clock. */
export interface AttemptRecord {
  readonly number: number;
  readonly worker: string;
  /** Decimal; larger than every fence given out before in its zone. */
  readonly fence: string;
  readonly startMs: number;
  readonly endMs?: number;
  readonly error?: Failure;
}

/** What was said of a job whose outcome is unknown. */
export interface ResolutionRecord {
  readonly kind: "APPLIED" | "NOT_APPLIED" | "RERUN";
  readonly resolver: string;
  readonly reason: string;
  readonly timeMs: number;
  readonly rerunJob?: string;
}

/** A job's place in a run: the run, and the index of the target. */
export interface RunPlace {
  readonly id: string;
  readonly index: number;
}

/** What a new job brings. Everything the store decides itself (state, times, numbers) is left out. */
export interface NewJob {
  readonly id: string;
  readonly zone: string;
  readonly effectClass: EffectClass;
  readonly type: JobType;
  /** What exclusivity is keyed by: a device's endpoint, or one of the job's own when it has no device. */
  readonly endpoint: string;
  /** Host name or IP address, as given. Empty without a device. */
  readonly address: string;
  /** Name of the inventory device. Absent for an inline endpoint. */
  readonly device?: string;
  /** The machine on whose workers it runs. */
  readonly node?: string;
  /** Type of task. */
  readonly task?: string;
  /** What it asks of a worker; absent: any will do. */
  readonly skill?: string;
  readonly creator: string;
  readonly priority: number;
  readonly labels: Readonly<Record<string, string>>;
  /** The encoded JobSpec, without secrets. Opaque to the store. */
  readonly spec: Uint8Array;
  /** The sealed login of an inline endpoint. Erased when the job ends. */
  readonly sealedSecret?: Uint8Array;
  /** Not before this time. */
  readonly startAfterMs?: number;
  readonly queueTimeoutMs: number;
  readonly maxAttempts: number;
  /** Named queue: a label with pause, limit and counts. */
  readonly queue?: string;
  /** While a job with this key is live, another is treated as the policy says. */
  readonly dedupe?: { readonly key: string; readonly policy: DedupePolicy };
  /** It is accepted only once replicas know of it. */
  readonly replicated?: boolean;
  /** Fails at once when something other than the device's work keeps it from starting. */
  readonly failIfBlocked?: boolean;
  /** What is kept of the output when it has ended. Default FULL. */
  readonly retain?: "METADATA" | "NONE";
  /** The job this one does again. */
  readonly retryOf?: string;
  /** The `traceparent` of whoever asked for it. */
  readonly traceParent?: string;
  /** The job whose task asked for it. */
  readonly parent?: string;
  /** The run it belongs to, and its place among the run's targets. */
  readonly run?: RunPlace;
  /** Set when the caller gave a request id: who, which method, which id, and a hash of the request as received. */
  readonly idempotency?: {
    readonly scope: string;
    readonly requestId: string;
    readonly fingerprint: string;
  };
}

/** A job as stored. Times are milliseconds since the epoch, by the store's clock. */
export interface JobRecord {
  readonly id: string;
  readonly zone: string;
  readonly state: JobState;
  readonly effectClass: EffectClass;
  readonly type: JobType;
  readonly endpoint: string;
  readonly address: string;
  readonly device?: string;
  readonly node?: string;
  readonly task?: string;
  readonly creator: string;
  readonly priority: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly spec: Uint8Array;
  readonly createMs: number;
  readonly startAfterMs?: number;
  readonly queueMs?: number;
  readonly expireMs: number;
  /** Start of the first attempt. */
  readonly firstStartMs?: number;
  /** Start of the latest attempt. */
  readonly startMs?: number;
  readonly endMs?: number;
  /** Number of the latest attempt; 0 before the first. */
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly worker?: string;
  readonly fence?: string;
  readonly attempts: readonly AttemptRecord[];
  readonly error?: Failure;
  readonly effect?: Effect;
  /** When the latest attempt passed its point of no return. */
  readonly intentMs?: number;
  readonly intendedStep: number;
  readonly confirmedStep: number;
  /** The encoded JobResult without its outputs. Opaque to the store. */
  readonly result?: Uint8Array;
  readonly resolution?: ResolutionRecord;
  readonly lastEvent: number;
  readonly outputBytes: number;
  /** Output of the latest attempt is missing: memory ran short, or Redis came back without it. */
  readonly outputCut?: "memory" | "forgotten";
  readonly cancelRequested: boolean;
  /** When it may start again after a failed attempt. */
  readonly retryMs?: number;
  /** How often it has put itself off. Absent: never. */
  readonly deferrals?: number;
  readonly queue?: string;
  /** The job whose task asked for it. */
  readonly parent?: string;
  readonly run?: RunPlace;
  /** The job this one does again, and the latest job that does this one again. */
  readonly retryOf?: string;
  readonly retriedBy?: string;
  /** The `traceparent` of whoever asked for it. */
  readonly traceParent?: string;
  /** When it was marked as deleted. */
  readonly deleteMs?: number;
}

/** Why a job waits, and behind whom. */
export interface Waiting {
  readonly reason:
    | "START_TIME"
    | "RETRY"
    | "DEVICE_BUSY"
    | "LOCKED"
    | "HELD"
    | "PAUSED"
    | "LIMIT"
    | "FROZEN"
    | "NO_WORKER"
    | "RECONCILING"
    | "BREAKER_OPEN"
    | "CLAIM";
  /** The job that holds the device or stands next in its line. */
  readonly blockingJob?: string;
  /**
   * The full limit, or the paused named queue, that it waits for, as "queue/<name>", "caller/<name>" or
   * "label/<key>=<value>".
   */
  readonly limit?: string;
  /**
   * The policy that keeps changes from starting, as "freeze/<name>", "window/<name>" or "stop/changes", and until when.
   */
  readonly policy?: string;
  readonly untilMs?: number;
  /** 1 is next; 0 when not in line. */
  readonly position: number;
}
