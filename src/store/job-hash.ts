import type {
  AttemptRecord,
  Effect,
  EffectClass,
  Failure,
  JobRecord,
  JobType,
  NewJob,
  RunPlace,
} from "../domain/job.js";
import type { ResolutionRecord } from "../domain/job.js";
import type { JobState } from "../domain/job-state.js";

/** A job's hash as Redis holds it. */
export type JobHash = ReadonlyMap<string, Buffer>;

/** What scripts and filters seldom need of a job, kept in one field. */
interface Definition {
  readonly type: JobType;
  readonly addr: string;
  /** Name of the inventory device. */
  readonly dev?: string;
  /** Name of the node. */
  readonly node?: string;
  /** Type of task. */
  readonly task?: string;
  /** Creator. */
  readonly by: string;
  readonly pri: number;
  readonly max: number;
  /** Queue timeout in milliseconds. */
  readonly qto: number;
  readonly queue?: string;
  /** The job it does again. */
  readonly rof?: string;
  /** The job whose task asked for it. */
  readonly par?: string;
  /** Trace context of the request. */
  readonly tp?: string;
  /** "name=value" each: scripts need them in order, which an object does not keep there. */
  readonly labels: readonly string[];
}

/** What of a job its definition is made of. */
type Defined = Pick<NewJob, "type" | "address" | "device" | "creator" | "priority" | "maxAttempts" | "queueTimeoutMs"> &
  Pick<NewJob, "queue" | "labels" | "retryOf" | "parent" | "traceParent" | "node" | "task">;

/** A new job's definition, as JSON. */
export function definitionOf(job: Defined): string {
  const { type, address: addr, device: dev, creator: by, priority: pri, maxAttempts: max, queueTimeoutMs: qto } = job;
  const labels = Object.entries(job.labels).map(([name, value]) => `${name}=${value}`);
  const definition: Definition = {
    ...{ type, addr, by, pri, max, qto, labels },
    ...(dev === undefined ? {} : { dev }),
    ...(job.node === undefined ? {} : { node: job.node }),
    ...(job.task === undefined ? {} : { task: job.task }),
    ...(job.queue === undefined ? {} : { queue: job.queue }),
    ...(job.retryOf === undefined ? {} : { rof: job.retryOf }),
    ...(job.parent === undefined ? {} : { par: job.parent }),
    ...(job.traceParent === undefined ? {} : { tp: job.traceParent }),
  };
  return JSON.stringify(definition);
}

/** What a definition says of a job. */
function definedBy(definition: string) {
  const { type, addr, dev, node, task, by, pri, max, labels, queue, rof, par, tp } = JSON.parse(
    definition,
  ) as Definition;
  return {
    type,
    address: addr,
    creator: by,
    priority: pri,
    labels: Object.fromEntries(labels.map(labelOf)),
    maxAttempts: max,
    ...(dev === undefined ? {} : { device: dev }),
    ...(node === undefined ? {} : { node }),
    ...(task === undefined ? {} : { task }),
    ...(queue === undefined ? {} : { queue }),
    ...(rof === undefined ? {} : { retryOf: rof }),
    ...(par === undefined ? {} : { parent: par }),
    ...(tp === undefined ? {} : { traceParent: tp }),
  };
}

function labelOf(text: string): readonly [string, string] {
  const at = text.indexOf("=");
  return [text.slice(0, at), text.slice(at + 1)];
}

function runPlaceOf(text: string): RunPlace {
  const [id = "", index] = text.split(" ");
  return { id, index: Number(index) };
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
    ...(job.node === undefined ? {} : { node: job.node }),
    ...(job.task === undefined ? {} : { task: job.task }),
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
    ...(job.parent === undefined ? {} : { parent: job.parent }),
    ...(job.traceParent === undefined ? {} : { traceParent: job.traceParent }),
    ...(job.run === undefined ? {} : { run: job.run }),
  };
}

/** The record of a job that waited for nothing but its turn, at the start of its first attempt. */
export function firstAttempt(
  holder: Pick<AttemptRecord, "worker" | "fence" | "startMs"> & { readonly id: string; readonly zone: string },
  job: Pick<JobRecord, "endpoint" | "createMs" | "expireMs" | "effectClass" | "spec"> & { readonly definition: string },
): JobRecord {
  const { id, zone, worker, fence, startMs } = holder;
  return {
    id,
    zone,
    state: "RUNNING",
    effectClass: job.effectClass,
    ...definedBy(job.definition),
    endpoint: job.endpoint,
    spec: job.spec,
    createMs: job.createMs,
    queueMs: job.createMs,
    expireMs: job.expireMs,
    firstStartMs: startMs,
    startMs,
    attempt: 1,
    worker,
    fence,
    attempts: [{ number: 1, worker, fence, startMs }],
    intendedStep: 0,
    confirmedStep: 0,
    lastEvent: 2,
    outputBytes: 0,
    cancelRequested: false,
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

/** The latest attempt stands in the job's own fields, and so does its end when that was the job's. */
function attemptsOf(hash: JobHash, count: number): AttemptRecord[] {
  const text = (name: string): string | undefined => hash.get(name)?.toString();
  const attempts: AttemptRecord[] = [];
  for (let number = 1; number <= count; number++) {
    const earlier = text(`a${number}`);
    const { w, f, s } = earlier
      ? (JSON.parse(earlier) as StoredStart)
      : { w: text("w") ?? "", f: text("f") ?? "", s: Number(text("s")) };
    attempts.push({ number, worker: w, fence: f, startMs: s, ...endOf(text(`z${number}`), number === count, text) });
  }
  return attempts;
}

function endOf(
  stored: string | undefined,
  latest: boolean,
  text: (name: string) => string | undefined,
): Pick<AttemptRecord, "endMs" | "error"> {
  const end = text("e");
  const error = text("err");
  const { e, x } = stored
    ? (JSON.parse(stored) as StoredEnd)
    : latest && end !== undefined
      ? { e: Number(end), x: error === undefined ? undefined : (JSON.parse(error) as Failure) }
      : {};
  return { ...(e === undefined ? {} : { endMs: e }), ...(x === undefined ? {} : { error: x }) };
}

/** Reads a job's hash. */
export function jobOfHash(id: string, zone: string, hash: JobHash): JobRecord {
  const string = (name: string): string => hash.get(name)?.toString() ?? "";
  const number = (name: string): number => Number(hash.get(name)?.toString() ?? 0);
  const attempt = number("att");
  // One that was not to start later was queued when it was accepted.
  const queued = hash.get("qt")?.toString() ?? (hash.has("sa") ? undefined : string("ct"));
  const optional = <K extends string, T>(key: K, field: string, read: (text: string) => T): { [P in K]?: T } => {
    const value = hash.get(field);
    return (value === undefined ? {} : { [key]: read(value.toString()) }) as { [P in K]?: T };
  };
  return {
    id,
    zone,
    state: string("st") as JobState,
    effectClass: string("cls") as EffectClass,
    ...definedBy(string("def")),
    endpoint: string("ep"),
    spec: hash.get("spec") ?? new Uint8Array(),
    createMs: number("ct"),
    ...optional("startAfterMs", "sa", Number),
    ...(queued === undefined ? {} : { queueMs: Number(queued) }),
    expireMs: number("ex"),
    ...optional("firstStartMs", hash.has("fs") ? "fs" : "s", Number),
    ...optional("startMs", "s", Number),
    ...optional("endMs", "e", Number),
    attempt,
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
    ...optional("outputCut", "cut", (text) => text as NonNullable<JobRecord["outputCut"]>),
    cancelRequested: hash.has("can"),
    ...optional("retryMs", "rt", Number),
    ...optional("deferrals", "dfr", Number),
    ...optional("retriedBy", "rby", String),
    ...optional("run", "run", runPlaceOf),
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
