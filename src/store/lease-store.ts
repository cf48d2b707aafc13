import type { EventFact } from "../domain/job-event.js";
import type { Effect, Failure, JobRecord } from "../domain/job.js";
import type { CryptoProfile } from "../domain/crypto-profile.js";
import type { WorkerControl } from "../domain/worker-control.js";
import type { ChangeStop } from "../domain/policies.js";
import type { TaskType } from "../domain/task-type.js";

/** What a worker says of itself. */
export interface WorkerIdentity {
  /** Unique for each process: a restarted worker has another. */
  readonly name: string;
  readonly zone: string;
  readonly pid: number;
  readonly hostname: string;
  readonly version: string;
  readonly capacity: number;
  readonly labels?: Readonly<Record<string, string>>;
  /** The machine it runs on, by the name that jobs call it. */
  readonly node: string;
  /** What jobs can ask for that not every worker has. */
  readonly skills: readonly string[];
  /** Types of tasks it has loaded. */
  readonly tasks?: readonly TaskType[];
}

/** Figures that go out with a beat. */
export interface BeatFigures {
  readonly running: number;
  readonly sessions: number;
  /** Takes nothing new: devices with work it owns are let go at once. */
  readonly closing: boolean;
  readonly draining: boolean;
  /** Jobs that ended SUCCEEDED, and otherwise, since the worker started. */
  readonly succeeded: number;
  readonly failed: number;
  /** The longest that its event loop kept others waiting since the last beat. Milliseconds. */
  readonly loopDelayMs?: number;
  /** How long it has had room without the store answering a claim. Milliseconds; 0 when it has none. */
  readonly claimAgeMs?: number;
  /** Why it cannot tell what the journals know, for people; empty when it can, or need not. */
  readonly untold?: string;
  /** Some of the jobs that it runs. */
  readonly jobs?: readonly RunningJob[];
}

/** What a worker tells of a session once. */
export interface SessionFacts {
  /** The device's place in line, which it is exclusive by. */
  readonly endpoint: string;
  readonly address: string;
  readonly port: number;
  readonly platform: string;
  readonly username: string;
  /** Unset: a login of the job's own. */
  readonly credential?: string;
  readonly cryptoProfile?: CryptoProfile;
  /** Hosts that it goes through, as "address:port". */
  readonly bastions: readonly string[];
  readonly openMs: number;
}

/** What a worker tells of a session whenever it was used. */
export interface SessionUse {
  readonly busy: boolean;
  /** When a use last began or ended. */
  readonly lastUseMs: number;
  readonly uses: number;
}

/** What has changed of a worker's sessions since it told last. Sessions go by numbers of the worker's own. */
export interface SessionNews {
  /** What was told before counts for nothing. */
  readonly anew: boolean;
  readonly gone: readonly number[];
  readonly changed: readonly {
    readonly number: number;
    /** Unset: told before. */
    readonly facts?: SessionFacts;
    readonly use: SessionUse;
  }[];
}

/** A session that a worker is to close, or an attempt that it is to cut although it has none yet. */
export interface SessionEnd {
  /** The session's, or one below zero that only names this order. */
  readonly number: number;
  /** A job that is to be cut for it. */
  readonly job?: string;
  /** The job's fence, where there is no session: a later attempt is not meant. */
  readonly fence?: string;
}

/** A job that a worker runs, as it tells. */
export interface RunningJob {
  readonly id: string;
  readonly endpoint: string;
  readonly startMs: number;
}

/** A job that a worker holds, with the fence that every write about it must carry. */
export interface Claim {
  readonly job: JobRecord;
  readonly fence: string;
  /** Attempts that count towards the job's own limit, this one included: hand-backs and lost workers do not. */
  readonly countedAttempts: number;
  /** Sealed login of an inline endpoint. */
  readonly sealedSecret?: Uint8Array;
}

/** Names the holder in every write. */
export interface Holder {
  readonly zone: string;
  readonly worker: string;
  readonly job: string;
  readonly endpoint: string;
  readonly fence: string;
}

/** Answer to a fenced write: "FENCED" means that another holds the device now and nothing was written. */
export type Fenced = "OK" | "FENCED";

/** How an attempt ended. */
export interface AttemptEnd {
  /** RETRY: DELAYED until `retryInMs`. REQUEUE: back in line, the attempt not counted (nothing was sent). */
  readonly verdict: "SUCCEEDED" | "FAILED" | "CANCELLED" | "EXPIRED" | "INDETERMINATE" | "RETRY" | "REQUEUE";
  readonly error?: Failure;
  readonly effect?: Effect;
  /** The last step that may have been sent, and the last whose answer was seen. */
  readonly intendedStep: number;
  readonly confirmedStep: number;
  readonly result?: Uint8Array;
  readonly transcript?: Uint8Array;
  readonly retryInMs?: number;
  /** The breaker that kept it from connecting: this RETRY counts for nothing, and the job waits no longer for it. */
  readonly breaker?: string;
  /** The job put itself off: this RETRY counts for nothing but that. */
  readonly deferred?: boolean;
  /** Output and events not yet written, and how many parts of them were. */
  readonly rest?: Output;
  readonly parts?: number;
  /** Whether the worker keeps its session, and so the device. */
  readonly keepDevice: boolean;
  /** A failure to reach the device, log in or find its prompt: shown on the device. */
  readonly deviceFailure?: Failure;
}

/** Output and facts in order. Output facts name their place; `output` is the bytes they speak of, joined. */
export interface Output {
  readonly facts: readonly EventFact[];
  readonly output: Uint8Array;
}

/** A part of an attempt's output. */
export interface OutputPart extends Output {
  /** 1 for the attempt's first part, and so on: a part written twice is kept once. */
  readonly number: number;
  /** Step that may have been sent. */
  readonly intendedStep?: number;
  /** Step whose answer was seen. */
  readonly confirmedStep?: number;
}

/** A key under which a request is known, and what is kept under it. Opaque. */
export type KnownRequest = readonly [key: string, kept: string];

/** What a journal knows of an attempt that passed its point of no return. */
export interface JournalFact {
  /** The job as it was claimed. */
  readonly job: FactJob;
  readonly worker: string;
  readonly fence: string;
  readonly intendedStep: number;
  readonly requests: readonly KnownRequest[];
  /** It goes on in the worker that tells this. */
  readonly live: boolean;
  /** How it ended, when the journal knows. */
  readonly end?: Pick<AttemptEnd, "error" | "effect" | "intendedStep" | "confirmedStep"> & {
    readonly verdict: "SUCCEEDED" | "FAILED" | "INDETERMINATE";
  };
}

/** What a journal keeps of a job, so that a store that forgot it can know it again. */
export type FactJob = Pick<
  JobRecord,
  | "id"
  | "zone"
  | "effectClass"
  | "type"
  | "endpoint"
  | "address"
  | "device"
  | "node"
  | "task"
  | "creator"
  | "priority"
  | "labels"
> &
  Pick<
    JobRecord,
    "spec" | "createMs" | "expireMs" | "maxAttempts" | "queue" | "retryOf" | "parent" | "attempt" | "startMs"
  >;

/**
 * What a worker does with its lease and its jobs. Every call is one script. STORE_RECONCILING: the store came back with
 * another history and does not know yet what it forgot; the same call may succeed in some seconds.
 */
export interface LeaseStore {
  /**
   * Answers with what the worker is to tell of its journals before it claims.
   * `control`: what stands, for a worker that goes on under another name.
   */
  register(worker: WorkerIdentity, control?: WorkerControl): Promise<{ readonly toTell: Telling }>;
  /**
   * Renews the lease. "DEAD": a reaper buried this worker; it must stop at once and may register under a new name.
   * `cancels`: jobs it should stop. `closes`: sessions it should close, until it tells that they are gone. `newcomers`:
   * workers it should write into its journal, and say so. `control`: what it was told to do, while that stands.
   * `toTell`: what its journals know is to be told.
   */
  beat(
    worker: WorkerIdentity,
    figures: BeatFigures,
  ): Promise<
    | {
        readonly answer: "OK";
        readonly cancels: readonly string[];
        readonly closes?: readonly SessionEnd[];
        readonly newcomers?: readonly Newcomer[];
        readonly control?: WorkerControl;
        readonly toTell?: Telling;
      }
    | { readonly answer: "DEAD" }
  >;
  /**
   * Takes up to `limit` jobs; MORE: ask again at once; SHUT: nothing is given out while the zone is being reconciled. A
   * call repeated under the same request id gets the same answer. `leaveFreeTasks`: takes no tasks without a device.
   * `toTell`: as of a beat.
   */
  claim(
    worker: WorkerIdentity,
    limit: number,
    requestId: string,
    leaveFreeTasks?: boolean,
  ): Promise<{
    readonly claims: readonly Claim[];
    readonly answer: "OK" | "MORE" | "SHUT" | "DEAD";
    readonly toTell?: Telling;
  }>;
  /**
   * The point of no return: recorded before the first changing byte. EXPIRED: the job's queue timeout passed meanwhile.
   * FROZEN: a policy closed meanwhile. UNSEEN: not before a server and another worker would remember this one, which
   * takes a second or so. `requests` go into the journal. STORE_RECONCILING, STORE_UNFIT: nothing may be sent.
   */
  intent(
    holder: Holder,
    step: number,
  ): Promise<
    | { readonly answer: "OK"; readonly requests: readonly KnownRequest[] }
    | { readonly answer: "FENCED" | "UNSEEN" | "EXPIRED" | "CANCELLED" }
    | { readonly answer: "FROZEN"; readonly policy: string; readonly untilMs?: number }
  >;
  /** Resolves when enough replicas have the intent of this attempt; NOT_REPLICATED when not in time. */
  replicated(holder: Holder): Promise<void>;
  /**
   * Lets others run by the permits that a running job holds for its caller and its labels: it waits for jobs of its own,
   * which need them.
   */
  lendPermits(holder: Holder): Promise<Fenced>;
  /** Who stopped changes in this zone, if anybody did. */
  stopped(zone: string): Promise<ChangeStop | undefined>;
  /**
   * CUT: no more of the attempt's output is kept, only facts; memory runs short, or parts before this one were
   * forgotten.
   */
  append(holder: Holder, part: OutputPart): Promise<Fenced | "CUT">;
  /** What may be repeated goes round again instead of ending well when parts of its output were forgotten. */
  finish(holder: Holder, end: AttemptEnd): Promise<Fenced>;
  /**
   * Tells what journals know. Answers with how many facts the store did not know. It does no harm late: what a journal
   * knows is true whatever the store remembers.
   */
  replay(zone: string, facts: readonly JournalFact[]): Promise<number>;
  /**
   * What the store believes to run here and is not among `live` is lost. Answers with those that it does not let go on.
   * STORE_RECONCILING: by now it has another history than the one that was told.
   */
  settle(
    worker: WorkerIdentity,
    history: string,
    live: readonly { readonly job: string; readonly fence: string }[],
  ): Promise<string[]>;
  /** These are in the caller's journal, safe from a loss of power: they may change devices now. */
  noted(worker: WorkerIdentity, newcomers: readonly string[]): Promise<void>;
  /**
   * All is told to this history that the journals of these workers know, the caller's own among them, and which
   * newcomers are written down there. STORE_RECONCILING: by now the store has another, which is to be told as well.
   */
  replayed(
    worker: WorkerIdentity,
    history: string,
    journals: readonly string[],
    newcomers?: readonly Newcomer[],
  ): Promise<void>;
  /** Tells of sessions, for those who ask. */
  tellSessions(worker: WorkerIdentity, news: SessionNews): Promise<void>;
  /** Lets devices go that the worker owns and does not use. */
  release(worker: WorkerIdentity, endpoints: readonly string[]): Promise<void>;
  /** Ends the worker's registration; whatever it still owns is let go. */
  retire(worker: WorkerIdentity): Promise<void>;
  /**
   * Calls back when there may be work, an order, a job to be cancelled, or a device to be let go. Returns how to stop.
   */
  onHint(worker: WorkerIdentity, hint: (message: Hint) => void): Promise<() => Promise<void>>;
}

/**
 * What a worker is to tell the store: what its journals know since the time up to which that remembers, and the history
 * that asks. A call can be late, and reach the next history: that one is not to take itself for told.
 */
export interface Telling {
  /** Opaque. */
  readonly history: string;
  readonly sinceMs: number;
}

/**
 * A worker that is to be remembered by another, in case the store forgets it. `number`: of registrations when it asked.
 */
export interface Newcomer {
  readonly name: string;
  readonly number: number;
}

/** A wake-up. Hints can be lost; a poll stands behind each. */
export type Hint =
  | { readonly kind: "work" }
  /** Ask with a beat what you are told to do. */
  | { readonly kind: "control" }
  /** Changes are stopped. */
  | { readonly kind: "stop" }
  | { readonly kind: "cancel"; readonly job: string }
  | { readonly kind: "release"; readonly endpoint: string };
