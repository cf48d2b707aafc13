import type { FiringCause, ScheduleOutcome, ScheduleRule } from "../domain/schedule.js";
import type { DueDecision, NextTime } from "../domain/schedule-plan.js";

/** What a schedule's owner says of it. */
export interface ScheduleBody {
  readonly rule: ScheduleRule;
  readonly labels: Readonly<Record<string, string>>;
  readonly description: string;
}

/** Who paused a schedule, and why. An empty caller: it paused itself. */
export interface SchedulePauseRecord {
  readonly caller: string;
  readonly note: string;
  readonly timeMs: number;
}

/** A new schedule. */
export interface NewSchedule extends ScheduleBody {
  readonly name: string;
  /** Tells it from others that had or get its name. */
  readonly uid: string;
  readonly creator: string;
  /** The encoded RunSpec. Opaque to the store. */
  readonly run: Uint8Array;
  /** What its intervals are counted from. Milliseconds. */
  readonly anchorMs: number;
  readonly next?: NextTime;
  /** Set when the caller gave a request id. */
  readonly idempotency?: { readonly scope: string; readonly requestId: string; readonly fingerprint: string };
}

/** A schedule as stored. Times are milliseconds since the epoch, by the store's clock. */
export interface ScheduleRecord extends Omit<NewSchedule, "next" | "idempotency"> {
  readonly version: number;
  readonly createMs: number;
  readonly updateMs: number;
  /** Its next time before jitter. Unset between the runs of a fixed delay, and when no time comes any more. */
  readonly nextMs?: number;
  readonly paused?: SchedulePauseRecord;
  /** Runs that are under way. */
  readonly liveRuns: number;
  readonly failures: number;
  readonly lastRun?: string;
  readonly lastRunMs?: number;
  /** The latest run in which every target has ended. */
  readonly completeRun?: string;
  readonly counts: Readonly<Record<"fired" | "skipped" | "missed" | "refused", number>>;
}

/** What is decided about the due times of a schedule, each with the run that is fired for it. */
export interface FiringDecision extends Omit<DueDecision, "fire"> {
  readonly fire: readonly (DueDecision["fire"][number] & { readonly run: string })[];
}

/** A run that is to be created. */
export interface Firing {
  readonly run: string;
  readonly schedule: string;
  readonly uid: string;
  readonly timeMs: number;
  readonly creator: string;
  readonly spec: Uint8Array;
  /** Runs that are cancelled first. */
  readonly cancels: readonly string[];
}

/** How a run of a schedule ended. */
export interface ScheduleRunEnd {
  /** Undefined: the run is not known any more. */
  readonly state?: string;
  readonly endMs: number;
  /** Undefined: neither a success nor a failure. */
  readonly succeeded?: boolean | undefined;
  /** Whether every target of it has ended by itself. */
  readonly complete: boolean;
}

/** A numbered entry of a schedule's history. */
export interface ScheduleEntry {
  readonly number: number;
  readonly timeMs: number;
  readonly entryMs: number;
  readonly outcome: ScheduleOutcome;
  readonly cause: FiringCause;
  readonly run?: string;
  readonly runState?: string;
  readonly runEndMs?: number;
  readonly lastMs?: number;
  readonly count?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly caller?: string;
}

/** Schedules, what they fire, and what became of it. Everything lies in the installation's slot. */
export interface ScheduleStore {
  /** Milliseconds by the clock that decides what is due. */
  now(): Promise<number>;
  /** Adds a schedule, or answers with the name of the one that this request id added. SCHEDULE_EXISTS, REQUEST_ID_REUSED. */
  create(schedule: NewSchedule): Promise<{ readonly name: string; readonly replayed: boolean }>;
  /** The name of the schedule that this request id added, if it did. REQUEST_ID_REUSED. */
  earlier(request: NonNullable<NewSchedule["idempotency"]>): Promise<string | undefined>;
  /**
   * Changes a schedule that still has this version; without `timing` it keeps its next time, without `creator` its
   * runs are whose they were. SCHEDULE_NOT_FOUND, SCHEDULE_CHANGED.
   */
  update(
    name: string,
    version: number,
    body: ScheduleBody & { readonly run: Uint8Array; readonly creator?: string },
    timing?: { readonly anchorMs: number; readonly next?: NextTime },
  ): Promise<void>;
  get(name: string): Promise<ScheduleRecord | undefined>;
  getMany(names: readonly string[]): Promise<readonly (ScheduleRecord | undefined)[]>;
  /** By name, above `after`. */
  list(page: {
    readonly limit: number;
    readonly after?: string;
  }): Promise<{ readonly schedules: readonly ScheduleRecord[]; readonly next?: string }>;
  /** SCHEDULE_NOT_FOUND. */
  remove(name: string): Promise<void>;
  /** SCHEDULE_NOT_FOUND. */
  pause(name: string, why: SchedulePauseRecord): Promise<void>;
  /** Lets a schedule that still has this version fire again. SCHEDULE_NOT_FOUND, SCHEDULE_CHANGED. */
  resume(name: string, version: number, next?: NextTime): Promise<void>;
  /** Schedules that are due, at most `limit`, the time, and when the first comes that is not due yet. */
  due(
    limit: number,
  ): Promise<{ readonly nowMs: number; readonly schedules: readonly ScheduleRecord[]; readonly nextDueMs?: number }>;
  /** Fires times of a schedule that still is what `seen` says. False: it is not, and nothing was done. */
  fire(seen: ScheduleRecord, decision: FiringDecision): Promise<boolean>;
  /**
   * Fires a schedule for times that somebody asked for. Answers with the runs that were not under way before; with a
   * request id that was used before, with the run that it started. SCHEDULE_NOT_FOUND.
   */
  request(
    schedule: Pick<ScheduleRecord, "name" | "uid">,
    wish: {
      readonly cause: Exclude<FiringCause, "TIME">;
      readonly caller: string;
      readonly runs: readonly { readonly timeMs: number; readonly run: string }[];
      readonly request?: { readonly scope: string; readonly requestId: string };
    },
  ): Promise<{ readonly added: readonly string[]; readonly replayed?: string }>;
  /** Takes runs that are to be created, at most `limit`, or one; for `holdMs` others leave them alone. */
  takeFirings(limit: number, holdMs: number, run?: string): Promise<readonly Firing[]>;
  /** Notes that a run was created. */
  started(run: string): Promise<void>;
  /** Notes that a run cannot be created. `next`: what a fixed delay goes on with. */
  refused(
    run: string,
    why: { readonly reason: string; readonly message: string },
    rule: { readonly pauseAfterFailures: number; readonly next?: NextTime },
  ): Promise<void>;
  /** Takes runs under way to look at, at most `limit`; for `againMs` others leave them alone. */
  takeLive(limit: number, againMs: number): Promise<readonly { readonly run: string; readonly schedule: string }[]>;
  /** Notes the end of a run, and starts what waited for it. */
  ended(
    name: string,
    run: string,
    end: ScheduleRunEnd,
    goOn: {
      readonly pauseAfterFailures: number;
      /** What a fixed delay goes on with. */
      readonly next?: NextTime;
    },
  ): Promise<void>;
  /** Entries of the history with numbers below `before`, newest first. */
  history(name: string, page: { readonly limit: number; readonly before?: number }): Promise<readonly ScheduleEntry[]>;
  /** How late the schedules are that should have been fired by now: the number of them and the age of the oldest. */
  lateness(): Promise<{ readonly schedules: number; readonly oldestMs: number }>;
}
