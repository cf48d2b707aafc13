import type { Effect, Failure, JobRecord, NewJob, Waiting } from "../domain/job.js";
import type { EventFact, EventRecord } from "../domain/job-event.js";
import type { JobState } from "../domain/job-state.js";
import type { FsckStore } from "./fsck.js";

/** Everything the service keeps, in Redis. Nobody outside this folder knows a key or a script. */
export interface Store {
  readonly jobs: JobStore;
  readonly watches: WatchStore;
  readonly devices: DeviceStore;
  readonly queues: QueueStore;
  readonly credentials: CredentialStore;
  readonly apiKeys: ApiKeyStore;
  readonly workers: WorkerStore;
  readonly leases: LeaseStore;
  readonly upkeep: UpkeepStore;
  readonly fsck: FsckStore;
  /** The zones that exist, with their numbers. "default" always does. */
  zones(): Promise<ReadonlyMap<string, number>>;
  /** Makes a zone known and answers with its number. */
  ensureZone(name: string): Promise<number>;
  /** One round trip; milliseconds it took. */
  ping(): Promise<number>;
  close(): Promise<void>;
}

/** A call that the store refuses. `reason` is one of the error registry. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly reason:
    | "REQUEST_ID_REUSED"
    | "JOB_NOT_FOUND"
    | "JOB_NOT_INDETERMINATE"
    | "JOB_ALREADY_RESOLVED"
    | "JOB_NOT_FINAL"
    | "JOB_NOT_RESOLVED"
    | "DUPLICATE_JOB"
    | "DEVICE_LOCKED"
    | "DEVICE_NOT_LOCKED"
    | "DEVICE_NOT_FOUND"
    | "DEVICE_EXISTS"
    | "ENDPOINT_TAKEN"
    | "DEVICE_HAS_LIVE_JOBS"
    | "CREDENTIAL_NOT_FOUND"
    | "CREDENTIAL_EXISTS"
    | "CREDENTIAL_IN_USE"
    | "HISTORY_GONE"
    | "STORE_UNAVAILABLE";
  readonly metadata: Readonly<Record<string, string>>;
  constructor(reason: StoreError["reason"], message: string, metadata: Readonly<Record<string, string>> = {}) {
    super(message);
    this.reason = reason;
    this.metadata = metadata;
  }
}

/** Which jobs are meant: fields joined by AND, values of a field by OR. Empty lists and absent fields mean any. */
export interface JobQuery {
  readonly ids?: readonly string[];
  readonly states?: readonly JobState[];
  /** Names, endpoints ("10.0.0.1:22") or bare addresses. */
  readonly devices?: readonly string[];
  readonly workers?: readonly string[];
  readonly types?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly creators?: readonly string[];
  readonly errorReasons?: readonly string[];
  readonly createdAfterMs?: number;
  readonly createdBeforeMs?: number;
  readonly endedAfterMs?: number;
  readonly endedBeforeMs?: number;
  readonly zones?: readonly string[];
  /** Named queues. */
  readonly queues?: readonly string[];
  /** Also jobs that are marked as deleted. */
  readonly deleted?: boolean;
  /** Decides what only the caller can read, such as text inside the spec. */
  readonly also?: (job: JobRecord) => boolean;
}

/** A part of a list, newest first, and where the next part begins. */
export interface JobPage {
  readonly jobs: readonly JobRecord[];
  /** What to hand in as `before` for the next part. Absent: the list is at its end. */
  readonly next?: string;
}

/** What cancelling did. */
export type CancelOutcome = "CANCELLED" | "CANCELLING" | "RUNNING" | "FINAL";

/** Jobs as callers see them. */
export interface JobStore {
  /** Accepts a job, or answers with the one an earlier call with the same request id created. REQUEST_ID_REUSED, DEVICE_NOT_FOUND (it is being removed). */
  create(job: NewJob): Promise<{ readonly job: JobRecord; readonly replayed: boolean }>;
  /** The same for many, in few round trips; one result each, in order. */
  createMany(
    jobs: readonly NewJob[],
  ): Promise<readonly ({ readonly job: JobRecord; readonly replayed: boolean } | StoreError)[]>;
  get(id: string): Promise<JobRecord | undefined>;
  /** One entry per id, in order; undefined where there is none. */
  getMany(ids: readonly string[]): Promise<readonly (JobRecord | undefined)[]>;
  /** Why each job waits; undefined for jobs that do not. */
  waiting(jobs: readonly JobRecord[]): Promise<readonly (Waiting | undefined)[]>;
  /** Newest first, by creation or by end (then only what has ended), behind `before`. Looks at no more than a bounded number of jobs, so a page may be short or empty. */
  list(
    query: JobQuery,
    page: { readonly limit: number; readonly before?: string; readonly order?: "created" | "ended" },
  ): Promise<JobPage>;
  /** Counts by state. */
  count(query: JobQuery): Promise<ReadonlyMap<JobState, number>>;
  /** JOB_NOT_FOUND. */
  cancel(
    id: string,
    how: { readonly interruptRunning: boolean; readonly caller: string; readonly reason: string },
  ): Promise<CancelOutcome>;
  /** Writes the verdict once and lifts the hold. JOB_NOT_FOUND, JOB_NOT_INDETERMINATE, JOB_ALREADY_RESOLVED. `rerunJob` is the id of the job that will do it again. */
  resolve(
    id: string,
    verdict: {
      readonly kind: "APPLIED" | "NOT_APPLIED" | "RERUN";
      readonly resolver: string;
      readonly reason: string;
      readonly rerunJob?: string;
    },
  ): Promise<JobRecord>;
  /** Marks a final job as deleted, or takes the mark away. JOB_NOT_FOUND, JOB_NOT_FINAL, JOB_NOT_RESOLVED. */
  mark(id: string, deleted: boolean): Promise<JobRecord>;
  /** Events numbered from `from` on, at most `limit`. `first` and `last` are the numbers kept. JOB_NOT_FOUND. */
  events(
    id: string,
    from: number,
    limit: number,
  ): Promise<{ readonly events: readonly EventRecord[]; readonly first: number; readonly last: number }>;
  /** Bytes of output; undefined where they were removed to make room. */
  output(id: string, offset: number, length: number): Promise<Uint8Array | undefined>;
  /** Takes the debug transcript; undefined when there is none. */
  transcript(id: string): Promise<Uint8Array | undefined>;
}

/** A job that changed, as the feed says it. */
export interface Change {
  readonly zone: string;
  /** Place in the zone's feed; sorts as text only within one feed, compare with `position`. */
  readonly position: string;
  readonly job: string;
  readonly event: number;
}

/** Live news. News are hints: whoever gets one reads the truth from the job. */
export interface WatchStore {
  /** Names this installation's history; cursors of another epoch are void. */
  epoch(): Promise<string>;
  /** Calls back, soon, whenever the job has a new event; also when news may have been missed. Returns how to stop. */
  onJob(id: string, changed: () => void): () => void;
  /** Calls back, soon, whenever any zone's feed grew. Returns how to stop. */
  onFeed(changed: () => void): () => void;
  /** Ends of the zones' feeds now: where a follower starts. */
  tails(): Promise<ReadonlyMap<string, string>>;
  /** Changes behind a position of a zone's feed, oldest first. HISTORY_GONE when what follows it was trimmed. */
  changes(zone: string, behind: string, limit: number): Promise<readonly Change[]>;
}

/** A device as stored. */
export interface DeviceRecord {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly platform: string;
  readonly credential: string;
  readonly zone: string;
  readonly exclusiveKey?: string;
  readonly endpoint: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly hostKeyPolicy?: "strict" | "accept-new";
  readonly connectTimeoutMs?: number;
  readonly createMs: number;
  readonly updateMs: number;
}

/** A person's lock: keeps changes, or everything, of others from starting. */
export interface LockRecord {
  readonly owner: string;
  readonly scope: "CHANGES" | "ALL";
  readonly reason: string;
  readonly timeMs: number;
  readonly expireMs?: number;
}

/** Who paused a queue, why and when. */
export interface PauseRecord {
  readonly caller: string;
  readonly reason: string;
  readonly timeMs: number;
}

/** What holds a device and what waits for it. */
export interface DeviceStatusRecord {
  readonly owner?: string;
  readonly runningJob?: string;
  readonly waitingReads: number;
  readonly waitingChanges: number;
  readonly hold?: { readonly job: string; readonly timeMs: number };
  readonly lock?: LockRecord;
  readonly paused?: PauseRecord;
  readonly lastFailure?: {
    readonly reason: string;
    readonly message: string;
    readonly timeMs: number;
    readonly job: string;
  };
}

/** The inventory, and the host keys known per address and port. */
export interface DeviceStore {
  /** DEVICE_EXISTS, ENDPOINT_TAKEN (metadata `device`), CREDENTIAL_NOT_FOUND. */
  create(device: Omit<DeviceRecord, "createMs" | "updateMs">): Promise<DeviceRecord>;
  get(name: string): Promise<DeviceRecord | undefined>;
  getMany(names: readonly string[]): Promise<readonly (DeviceRecord | undefined)[]>;
  /** What exclusivity at an address and port is keyed by: the endpoint of the device that is there, if there is one. */
  exclusiveAt(zone: string, address: string, port: number): Promise<string>;
  /** Names above `after`, by name, at most `limit`. */
  list(page: {
    readonly limit: number;
    readonly after?: string;
  }): Promise<{ readonly devices: readonly DeviceRecord[]; readonly next?: string }>;
  /** Replaces a device. DEVICE_NOT_FOUND, ENDPOINT_TAKEN, CREDENTIAL_NOT_FOUND; DEVICE_HAS_LIVE_JOBS when endpoint or zone change. */
  update(device: Omit<DeviceRecord, "createMs" | "updateMs">): Promise<DeviceRecord>;
  /** DEVICE_NOT_FOUND, DEVICE_HAS_LIVE_JOBS. */
  remove(name: string): Promise<void>;
  status(zone: string, endpoint: string): Promise<DeviceStatusRecord>;
  /** Locks a device for `owner`, or changes the lock the owner has. DEVICE_LOCKED by another (metadata `owner`). */
  lock(
    device: { readonly name: string; readonly zone: string; readonly endpoint: string },
    lock: Omit<LockRecord, "timeMs" | "expireMs"> & { readonly forMs?: number },
  ): Promise<void>;
  /** DEVICE_NOT_LOCKED; DEVICE_LOCKED by another, unless `force`. */
  unlock(
    device: { readonly name: string; readonly zone: string; readonly endpoint: string },
    caller: string,
    force: boolean,
  ): Promise<void>;
  /** Host keys known for an address and port in a zone (two zones may use the same addresses), as "ssh-ed25519 AAAA…". */
  hostKeys(zone: string, address: string, port: number): Promise<readonly string[]>;
  /** Replaces the host keys known for an address and port. */
  setHostKeys(zone: string, address: string, port: number, keys: readonly string[]): Promise<void>;
  /** Keeps a first key; answers with those known after it, so that of two first sights one wins. */
  pinFirstHostKey(zone: string, address: string, port: number, key: string): Promise<readonly string[]>;
}

/** A line of work and what it holds. */
export interface QueueRecord {
  readonly zone: string;
  /** "device/<name>", or the name of a named queue. */
  readonly name: string;
  readonly waiting: number;
  readonly running: number;
  /** Acceptance of the oldest job that waits. */
  readonly oldestMs?: number;
  readonly paused?: PauseRecord;
  /** Jobs that may run at a time. */
  readonly limit?: number;
}

/** Lines of work, and limits on parallel work. All hold within a zone. */
export interface QueueStore {
  /** Pauses a device's own line, or a named queue; undefined resumes. */
  pause(target: QueueTarget, pause: PauseRecord | undefined): Promise<void>;
  get(target: QueueTarget): Promise<QueueRecord>;
  /** Named queues of a zone that have been used, by name. */
  named(zone: string): Promise<readonly string[]>;
  /** Limits of a zone by name: queue/<name>, caller/<name>, label/<key> (for each of its values). */
  limits(zone: string): Promise<ReadonlyMap<string, number>>;
  /** Sets a limit; undefined lifts it. */
  setLimit(zone: string, name: string, most: number | undefined): Promise<void>;
}

/** Which queue is meant. */
export type QueueTarget =
  | { readonly zone: string; readonly device: string; readonly endpoint: string }
  | { readonly zone: string; readonly queue: string };

/** A credential as stored: its secrets sealed. */
export interface CredentialRecord {
  readonly name: string;
  readonly username: string;
  readonly hasPassword: boolean;
  readonly hasPrivateKey: boolean;
  readonly hasEnableSecret: boolean;
  readonly sealed: Uint8Array;
  readonly version: number;
  readonly createMs: number;
  readonly updateMs: number;
}

type NewCredential = Omit<CredentialRecord, "version" | "createMs" | "updateMs">;

/** Logins, sealed. */
export interface CredentialStore {
  /** CREDENTIAL_EXISTS. */
  create(credential: NewCredential): Promise<CredentialRecord>;
  /** CREDENTIAL_NOT_FOUND. */
  update(credential: NewCredential): Promise<CredentialRecord>;
  get(name: string): Promise<CredentialRecord | undefined>;
  /** Names above `after`, by name. */
  list(page: {
    readonly limit: number;
    readonly after?: string;
  }): Promise<{ readonly credentials: readonly CredentialRecord[]; readonly next?: string }>;
  /** CREDENTIAL_NOT_FOUND, CREDENTIAL_IN_USE (metadata `device`). */
  remove(name: string): Promise<void>;
}

/** What a caller may do: a reader reads, an operator also runs work, an admin does all. */
export type Role = "reader" | "operator" | "admin";

/** An API key as stored: the hash of its secret part alone. */
export interface ApiKeyRecord {
  /** Public part, 12 characters. */
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  /** SHA-256 of the secret part, hexadecimal. */
  readonly hash: string;
  readonly createMs: number;
}

/** Keys that callers authenticate with. */
export interface ApiKeyStore {
  create(key: Omit<ApiKeyRecord, "createMs">): Promise<ApiKeyRecord>;
  get(id: string): Promise<ApiKeyRecord | undefined>;
  list(): Promise<readonly ApiKeyRecord[]>;
  /** Whether there was such a key. */
  remove(id: string): Promise<boolean>;
  /** Whether at least one key exists. */
  any(): Promise<boolean>;
}

/** A worker in one zone, as its beat tells it. */
export interface WorkerRecord {
  readonly name: string;
  readonly zone: string;
  readonly pid: number;
  readonly hostname: string;
  readonly version: string;
  readonly birthMs: number;
  readonly beatMs: number;
  /** Grows by one with each beat. */
  readonly beat: number;
  readonly state: "alive" | "draining" | "dead";
  readonly capacity: number;
  readonly running: number;
  readonly sessions: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Devices owned. */
  readonly devices: number;
}

/** Workers as callers see them. */
export interface WorkerStore {
  list(zones?: readonly string[]): Promise<readonly WorkerRecord[]>;
  /** Endpoints that a worker owns, at most `limit`. */
  endpoints(zone: string, worker: string, limit: number): Promise<readonly string[]>;
}

/** What a worker says of itself. */
export interface WorkerIdentity {
  /** Unique for each process: a restarted worker has another. */
  readonly name: string;
  readonly zone: string;
  readonly pid: number;
  readonly hostname: string;
  readonly version: string;
  readonly capacity: number;
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
  /** Output and events not yet written. */
  readonly rest?: Output;
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

/** What a worker does with its lease and its jobs. Every call is one script. */
export interface LeaseStore {
  register(worker: WorkerIdentity): Promise<void>;
  /** Renews the lease. "DEAD": a reaper buried this worker; it must stop at once and may register under a new name. `cancels`: jobs it should stop. */
  beat(
    worker: WorkerIdentity,
    figures: BeatFigures,
  ): Promise<{ readonly answer: "OK"; readonly cancels: readonly string[] } | { readonly answer: "DEAD" }>;
  /** Takes up to `limit` jobs; MORE: ask again at once. A call repeated under the same request id gets the same answer. */
  claim(
    worker: WorkerIdentity,
    limit: number,
    requestId: string,
  ): Promise<{ readonly claims: readonly Claim[]; readonly answer: "OK" | "MORE" | "DEAD" }>;
  /** The point of no return: recorded before the first changing byte. EXPIRED: the job's queue timeout passed meanwhile. */
  intent(holder: Holder, step: number): Promise<Fenced | "EXPIRED" | "CANCELLED">;
  append(holder: Holder, part: OutputPart): Promise<Fenced>;
  finish(holder: Holder, end: AttemptEnd): Promise<Fenced>;
  /** Lets devices go that the worker owns and does not use. */
  release(worker: WorkerIdentity, endpoints: readonly string[]): Promise<void>;
  /** Ends the worker's registration; whatever it still owns is let go. */
  retire(worker: WorkerIdentity): Promise<void>;
  /** Calls back when there may be work, when a job should be cancelled, or a device let go. Returns how to stop. */
  onHint(worker: WorkerIdentity, hint: (message: Hint) => void): Promise<() => Promise<void>>;
}

/** A wake-up. Hints can be lost; a poll stands behind each. */
export type Hint =
  | { readonly kind: "work" }
  | { readonly kind: "cancel"; readonly job: string }
  | { readonly kind: "release"; readonly endpoint: string };

/** How much history is kept in each zone. Unresolved INDETERMINATE jobs are always kept. */
export interface RetentionRule {
  /** How long jobs that succeeded are kept after their end. */
  readonly succeededMs: number;
  /** How long the others are. */
  readonly failedMs: number;
  /** Ended jobs kept at most; those that succeeded go first. */
  readonly jobs: number;
  /** Bytes of output kept at most; the oldest go first. */
  readonly outputBytes: number;
}

/** What every server does by time, in bounded steps, without a leader. */
export interface UpkeepStore {
  /** Starts what is due, expires what waited too long, hands on what its owner leaves lying. Answers with the time until something is due, at most 1 s. */
  tick(zone: string): Promise<{ readonly worked: number; readonly nextMs: number }>;
  /** Purges what has been kept long enough and trims outputs, a bounded step. Answers with how much was done. */
  retain(zone: string, rule: RetentionRule): Promise<number>;
  /** Buries a worker whose beat is still `beat` and frees up to `limit` of its devices. `left`: devices still to free. */
  reap(
    zone: string,
    worker: string,
    beat: number,
    limit: number,
  ): Promise<{ readonly buried: boolean; readonly left: number }>;
}
