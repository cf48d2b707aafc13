import type { Failure, ResolutionRecord } from "../domain/job.js";
import type { CommandStatus, EventFact, EventRecord, LogLevel } from "../domain/job-event.js";
import type { JobState } from "../domain/job-state.js";

/**
 * Events are kept as JSON with short names, because the scripts write some of them: n number, t time, a attempt,
 * k kind; then by kind s state or status, w worker, x error, r retry time, c command, o offset, l length or line, p per cent.
 */
interface StoredEvent {
  readonly n: number;
  readonly t: number;
  readonly a: number;
  readonly k: string;
  readonly s?: string;
  readonly w?: string;
  readonly x?: Failure;
  readonly r?: number;
  readonly c?: number;
  readonly o?: number;
  readonly l?: number | string;
  readonly d?: number;
  readonly m?: string;
  readonly el?: readonly string[];
  readonly xs?: number;
  readonly lv?: LogLevel;
  readonly p?: number;
  readonly by?: string;
}

/** The inside of the JSON object that a script completes with number, time and attempt. */
export function factBody(fact: EventFact): string {
  return JSON.stringify(stored(fact)).slice(1, -1);
}

function stored(fact: EventFact): Record<string, unknown> {
  switch (fact.kind) {
    case "output":
      return { k: "output", c: fact.command, o: fact.offset, l: fact.length };
    case "started":
      return { k: "started", c: fact.command, l: fact.line };
    case "ended": {
      const { command, status, errorLines, durationMs, exitStatus } = fact;
      return { k: "ended", c: command, s: status, el: errorLines, d: durationMs, xs: exitStatus };
    }
    case "log":
      return { k: "log", lv: fact.level, m: fact.message };
    case "progress":
      return { k: "progress", p: fact.percent, m: fact.message };
    case "cancel":
      return { k: "cancel", by: fact.caller, m: fact.reason };
    case "state":
      return { k: "state", s: fact.state, w: fact.worker, x: fact.error, r: fact.retryMs };
    case "resolved":
      return { k: "resolved", ...fact.resolution };
  }
}

/** Reads a stored event. */
export function eventOfJson(json: string): EventRecord {
  const event = JSON.parse(json) as StoredEvent;
  return { number: event.n, timeMs: event.t, attempt: event.a, fact: factOf(event) };
}

/** What a job's own fields say of its history. Those are not stored as events as well. */
export interface ToldByJob {
  readonly state: JobState;
  /** Number of its last event. */
  readonly last: number;
  readonly createMs: number;
  /** Whether it was to start later. */
  readonly later: boolean;
  /** The start of its first attempt. */
  readonly start?: { readonly timeMs: number; readonly worker: string };
  readonly end?: { readonly timeMs: number; readonly attempt: number; readonly error?: Failure };
}

/** A job's first event. */
export function acceptance({ createMs, later }: ToldByJob): EventRecord {
  const state = later ? "DELAYED" : "QUEUED";
  return { number: 1, timeMs: createMs, attempt: 0, fact: { kind: "state", state } };
}

/** Its second event, unless one is stored: that its first attempt started. Undefined when it has not. */
export function startOf({ start }: ToldByJob): EventRecord | undefined {
  if (!start) return undefined;
  const fact = { kind: "state", state: "RUNNING", worker: start.worker } as const;
  return { number: 2, timeMs: start.timeMs, attempt: 1, fact };
}

/** Its last event, unless that is stored: how it ended. Undefined when it has not, or nobody knows how. */
export function endOf({ state, last, end }: ToldByJob): EventRecord | undefined {
  if (!end || state === "INDETERMINATE") return undefined;
  const error = end.error && { error: end.error };
  return { number: last, timeMs: end.timeMs, attempt: end.attempt, fact: { kind: "state", state, ...error } };
}

function factOf(event: StoredEvent): EventFact {
  const { k, s, w, x, r, c = 0, o = 0, l = 0, d = 0, m = "", el = [], xs, lv = "info", p, by = "" } = event;
  switch (k) {
    case "output":
      return { kind: "output", command: c, offset: o, length: Number(l) };
    case "started":
      return { kind: "started", command: c, line: String(l) };
    case "ended": {
      const fact = { kind: "ended", command: c, status: s as CommandStatus, errorLines: el, durationMs: d } as const;
      return xs === undefined ? fact : { ...fact, exitStatus: xs };
    }
    case "log":
      return { kind: "log", level: lv, message: m };
    case "progress":
      return { kind: "progress", message: m, ...(p === undefined ? {} : { percent: p }) };
    case "cancel":
      return { kind: "cancel", caller: by, reason: m };
    case "resolved": {
      const { kind, resolver, reason, timeMs, rerunJob } = event as unknown as ResolutionRecord;
      const resolution = { kind, resolver, reason, timeMs, ...(rerunJob === undefined ? {} : { rerunJob }) };
      return { kind: "resolved", resolution };
    }
    default:
      return {
        kind: "state",
        state: s as JobState,
        ...(w === undefined ? {} : { worker: w }),
        ...(x === undefined ? {} : { error: x }),
        ...(r === undefined ? {} : { retryMs: r }),
      };
  }
}
