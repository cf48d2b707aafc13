import type { EventRecord } from "../domain/job-event.js";
import type { JobState } from "../domain/job-state.js";
import type { JobRecord, NewJob, Waiting } from "../domain/job.js";
import type { StoreError } from "./store-error.js";

/** Which jobs are meant: fields joined by AND, values of a field by OR. Empty lists and absent fields mean any. */
export interface JobQuery {
  readonly ids?: readonly string[];
  readonly states?: readonly JobState[];
  /** Names, endpoints ("10.0.0.1:22") or bare addresses. */
  readonly devices?: readonly string[];
  readonly workers?: readonly string[];
  readonly types?: readonly string[];
  readonly nodes?: readonly string[];
  /** Types of tasks. */
  readonly tasks?: readonly string[];
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
  /** Runs they belong to. */
  readonly runs?: readonly string[];
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
  /**
   * Accepts a job, or answers with the one an earlier call with the same request id created. REQUEST_ID_REUSED,
   * DEVICE_NOT_FOUND (it is being removed).
   */
  create(job: NewJob): Promise<{ readonly job: JobRecord; readonly replayed: boolean }>;
  /** The same for many, in few round trips; one result each, in order. */
  createMany(
    jobs: readonly NewJob[],
  ): Promise<readonly ({ readonly job: JobRecord; readonly replayed: boolean } | StoreError)[]>;
  get(id: string): Promise<JobRecord | undefined>;
  /** The job, and the first `bytes` of what it has printed by then, in one round trip. */
  getWithOutput(
    id: string,
    bytes: number,
  ): Promise<{ readonly job: JobRecord; readonly output: Uint8Array } | undefined>;
  /** One entry per id, in order; undefined where there is none. */
  getMany(ids: readonly string[]): Promise<readonly (JobRecord | undefined)[]>;
  /** Why each job waits; undefined for jobs that do not. */
  waiting(jobs: readonly JobRecord[]): Promise<readonly (Waiting | undefined)[]>;
  /**
   * Newest first, by creation or by end (then only what has ended), behind `before`. Looks at no more than a bounded
   * number of jobs, so a page may be short or empty.
   */
  list(
    query: JobQuery,
    page: { readonly limit: number; readonly before?: string | undefined; readonly order?: "created" | "ended" },
  ): Promise<JobPage>;
  /** Counts by state. */
  count(query: JobQuery): Promise<ReadonlyMap<JobState, number>>;
  /** JOB_NOT_FOUND; STORE_RECONCILING for a change that waits while it is not known whether it was made. */
  cancel(
    id: string,
    how: { readonly interruptRunning: boolean; readonly caller: string; readonly reason: string },
  ): Promise<CancelOutcome>;
  /**
   * Writes the verdict once and lifts the hold. JOB_NOT_FOUND, JOB_NOT_INDETERMINATE, JOB_ALREADY_RESOLVED,
   * CONFIRM_TIMER_RUNNING before `notBeforeMs` (by the store's clock). `rerunJob` is the id of the job that will do it
   * again.
   */
  resolve(
    id: string,
    verdict: {
      readonly kind: "APPLIED" | "NOT_APPLIED" | "RERUN";
      readonly resolver: string;
      readonly reason: string;
      readonly rerunJob?: string;
    },
    notBeforeMs?: number,
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
