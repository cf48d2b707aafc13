import type { AttemptRecord, Effect, EffectClass, Failure, JobRecord, JobType, NewJob } from "../domain/job.js";
import type { ResolutionRecord } from "../domain/job.js";
import type { JobState } from "../domain/job-state.js";

/** A job's hash as Redis holds it. */
export type JobHash = ReadonlyMap<string, Buffer>;

/** The line a job waits in: its device's reads, or its changes. */
export function lineOf(effectClass: EffectClass): "reads" | "changes" {
  return effectClass === "READ_ONLY" ? "reads" : "changes";
}

/** The fields that a new job brings to its hash, name and value in turn; the script adds state, times and numbers. */
export function newJobFields(job: NewJob): (string | Uint8Array)[] {
  const fields: (string | Uint8Array)[] = [
    ...[
      "cls",
      job.effectClass,
      "type",
      job.type,
      "ep",
      job.endpoint,
      "addr",
      job.address,
      "line",
      lineOf(job.effectClass),
    ],
    ...["by", job.creator, "pri", String(job.priority), "labels", JSON.stringify(job.labels)],
    ...["max", String(job.maxAttempts), "spec", job.spec],
  ];
  if (job.device !== undefined) fields.push("dev", job.device);
  if (job.retain !== undefined) fields.push("retain", job.retain);
  return fields;
}

/** The record of a job just accepted. */
export function acceptedJob(job: NewJob, now: number, state: JobState, expireMs: number): JobRecord {
  return {
    id: job.id,
    zone: job.zone,
    state,
    effectClass: job.effectClass,
    type: job.type,
    endpoint: job.endpoint,
    address: job.address,
    ...(job.device === undefined ? {} : { device: job.device }),
    creator: job.creator,
    priority: job.priority,
    labels: job.labels,
    spec: job.spec,
    createMs: now,
    ...(state === "DELAYED" && job.startAfterMs !== undefined ? { startAfterMs: job.startAfterMs } : { queueMs: now }),
    expireMs,
    attempt: 0,
    maxAttempts: job.maxAttempts,
    attempts: [],
    intendedStep: 0,
    confirmedStep: 0,
    lastEvent: 1,
    outputBytes: 0,
    cancelRequested: false,
    ...(job.queue === undefined ? {} : { queue: job.queue }),
    ...(job.retryOf === undefined ? {} : { retryOf: job.retryOf }),
  };
}

interface StoredStart {
  readonly w: string;
  readonly f: string;
  readonly s: number;
}
interface StoredEnd {
  readonly e: number;
  readonly x?: Failure;
}

function attemptsOf(hash: JobHash, count: number): AttemptRecord[] {
  const attempts: AttemptRecord[] = [];
  for (let number = 1; number <= count; number++) {
    const start = hash.get(`a${number}`);
    if (!start) continue;
    const { w, f, s } = JSON.parse(start.toString()) as StoredStart;
    const end = hash.get(`z${number}`);
    const closing = end ? (JSON.parse(end.toString()) as StoredEnd) : undefined;
    attempts.push({
      number,
      worker: w,
      fence: f,
      startMs: s,
      ...(closing ? { endMs: closing.e } : {}),
      ...(closing?.x ? { error: closing.x } : {}),
    });
  }
  return attempts;
}

/** Reads a job's hash. */
export function jobOfHash(id: string, zone: string, hash: JobHash): JobRecord {
  const string = (name: string): string => hash.get(name)?.toString() ?? "";
  const number = (name: string): number => Number(hash.get(name)?.toString() ?? 0);
  const attempt = number("att");
  const optional = <K extends string, T>(key: K, field: string, read: (text: string) => T): { [P in K]?: T } => {
    const value = hash.get(field);
    return (value === undefined ? {} : { [key]: read(value.toString()) }) as { [P in K]?: T };
  };
  return {
    id,
    zone,
    state: string("st") as JobState,
    effectClass: string("cls") as EffectClass,
    type: string("type") as JobType,
    endpoint: string("ep"),
    address: string("addr"),
    ...optional("device", "dev", String),
    creator: string("by"),
    priority: number("pri"),
    labels: JSON.parse(string("labels") || "{}") as Record<string, string>,
    spec: hash.get("spec") ?? new Uint8Array(),
    createMs: number("ct"),
    ...optional("startAfterMs", "sa", Number),
    ...optional("queueMs", "qt", Number),
    expireMs: number("ex"),
    ...optional("firstStartMs", "fs", Number),
    ...optional("startMs", "s", Number),
    ...optional("endMs", "e", Number),
    attempt,
    maxAttempts: number("max"),
    ...optional("worker", "w", String),
    ...optional("fence", "f", String),
    attempts: attemptsOf(hash, attempt),
    ...optional("error", "err", (text) => JSON.parse(text) as Failure),
    ...optional("effect", "eff", (text) => text as Effect),
    ...optional("intentMs", "it", Number),
    intendedStep: number("is"),
    confirmedStep: number("cs"),
    ...(hash.has("res") ? { result: hash.get("res") as Uint8Array } : {}),
    ...optional("resolution", "rsl", (text) => JSON.parse(text) as ResolutionRecord),
    lastEvent: number("n"),
    outputBytes: number("ob"),
    cancelRequested: hash.has("can"),
    ...optional("retryMs", "rt", Number),
    ...optional("queue", "queue", String),
    ...optional("retryOf", "rof", String),
    ...optional("retriedBy", "rby", String),
    ...optional("deleteMs", "del", Number),
  };
}

/** Attempts that count towards the job's own limit: those handed back or lost with a worker do not. */
export function countedAttempts(hash: JobHash): number {
  return Number(hash.get("att")?.toString() ?? 0) - Number(hash.get("ref")?.toString() ?? 0);
}

/** A flat reply of names and values in turn, as HGETALL gives inside a script or over RESP2. */
export function hashOfPairs(pairs: readonly unknown[]): JobHash {
  const hash = new Map<string, Buffer>();
  for (let i = 0; i + 1 < pairs.length; i += 2) hash.set(String(pairs[i]), pairs[i + 1] as Buffer);
  return hash;
}
