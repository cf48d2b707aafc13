import type { NewRun, RunEntry, RunRecord, RunTargetRecord, TargetProgress, TargetRejection } from "../domain/run.js";
import type { RunState, TargetState } from "../domain/run-state.js";

/** Which runs are meant: fields joined by AND, values of a field by OR. Empty lists and absent fields mean any. */
export interface RunQuery {
  readonly ids?: readonly string[];
  readonly states?: readonly RunState[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly creators?: readonly string[];
  readonly schedules?: readonly string[];
  readonly createdAfterMs?: number;
  readonly createdBeforeMs?: number;
}

/** A target that starts: its index, and the stamp that makes the id of its job. */
export interface TargetStart {
  readonly index: number;
  readonly stamp: string;
}

/** A change of a run. Fields that are left out stay. */
export interface RunChange {
  readonly state?: RunState;
  readonly reason?: string;
  readonly changedBy?: string;
  readonly batch?: number;
  /** The next batch begins after this long; 0: at once. */
  readonly waitMs?: number;
  readonly forgiven?: number;
  readonly interrupt?: boolean;
  /** Makes every PENDING target UNTOUCHED. */
  readonly leaveRest?: boolean;
  /** Makes these targets STARTED, as far as they are PENDING. */
  readonly start?: readonly TargetStart[];
}

/** A run in the hands of a server that drives it. */
export interface DrivenRun {
  readonly run: RunRecord;
  /** By the store's clock. */
  readonly nowMs: number;
}

/** How a target ended; `job` is the one that did, where there is one. */
export interface TargetEnd {
  readonly index: number;
  readonly state: TargetState;
  readonly job?: string;
  /** Why, where no job says it. */
  readonly error?: TargetRejection;
}

/** Runs: who belongs to them, how far they are, and what is to do next. Everything lies in the installation's slot. */
export interface RunStore {
  /**
   * Stores a run with all its targets, or answers with the one an earlier call with the same request id created. It is
   * driven from then on. REQUEST_ID_REUSED; RUN_NOT_FOUND and RUN_NOT_FINAL for the run it does again.
   */
  create(run: NewRun): Promise<{ readonly run: RunRecord; readonly replayed: boolean }>;
  /** Resolves when enough replicas have the run; NOT_REPLICATED when not in time. */
  replicated(id: string): Promise<void>;
  /** The run that a request id created before; undefined: none. REQUEST_ID_REUSED. */
  earlier(idempotency: NonNullable<NewRun["idempotency"]>): Promise<RunRecord | undefined>;
  get(id: string): Promise<RunRecord | undefined>;
  /** Newest first, behind `before`. Looks at a bounded number, so a page may be short or empty. */
  list(
    query: RunQuery,
    page: { readonly limit: number; readonly before?: string | undefined },
  ): Promise<{ readonly runs: readonly RunRecord[]; readonly next?: string }>;
  /** The run of a schedule before this one; undefined: none. */
  before(schedule: string, id: string): Promise<string | undefined>;
  /** These targets as created, without their secrets. */
  targets(id: string, indexes: readonly number[]): Promise<readonly RunTargetRecord[]>;
  /** Sealed logins of these targets, where they brought one that is not erased yet. */
  secrets(id: string, indexes: readonly number[]): Promise<ReadonlyMap<number, Uint8Array>>;
  /** Letters of the targets from `from` on, at most `count`: see domain/run-state.ts. */
  codes(id: string, from: number, count: number): Promise<string>;
  /** How far these targets are. */
  progress(id: string, indexes: readonly number[]): Promise<readonly TargetProgress[]>;
  /** Why targets failed for which no job says it. */
  errors(id: string, indexes: readonly number[]): Promise<ReadonlyMap<number, TargetRejection>>;
  /** How many entries the history has. */
  entries(id: string): Promise<number>;
  /** Entries of the history behind number `behind`, at most `limit`. */
  history(id: string, behind: number, limit: number): Promise<readonly RunEntry[]>;
  /** Revision of a run; 0 where there is none. */
  revision(id: string): Promise<number>;
  /** Changes a run that is still at this revision and has not ended. False: nothing was done. */
  change(id: string, revision: number, change: RunChange): Promise<boolean>;
  /** Runs that have not ended, with their revisions; 0 where one is gone. */
  active(): Promise<ReadonlyMap<string, number>>;
  /** Takes a run for this server for some seconds, so that not all drive it at once; undefined when another has it. */
  take(id: string, server: string): Promise<DrivenRun | undefined>;
  /** Notes that the jobs of these targets are there. */
  born(id: string, targets: readonly { readonly index: number; readonly job: string }[]): Promise<void>;
  /** Notes ends. One that is known changes nothing. */
  end(id: string, ends: readonly TargetEnd[]): Promise<void>;
  /** Takes ends of jobs from a zone to their runs, at most `limit`; says how many there were. */
  drain(zone: string, limit: number): Promise<number>;
  /** Purges runs that ended long enough ago, a bounded step; says how many. */
  retain(rule: { readonly succeededMs: number; readonly failedMs: number }): Promise<number>;
}
