import type { EventFact, EventRecord } from "../../../src/domain/job-event.js";
import type { Effect, Failure, NewJob, ResolutionRecord } from "../../../src/domain/job.js";
import { type JobState, isFinal } from "../../../src/domain/job-state.js";
import type { WorkerControl } from "../../../src/domain/worker-control.js";
import type { DeviceStatusRecord, LockRecord, PauseRecord, WorkerIdentity } from "../../../src/store/store.js";

/** The two lines of a device. */
export type Line = "reads" | "changes";

/** A job as the model keeps it: what it brought, and what became of it. Where it waits follows from state and `parked`. */
export interface ModelJob {
  readonly spec: NewJob;
  readonly id: string;
  readonly line: Line;
  readonly names: readonly string[];
  readonly createMs: number;
  readonly score: number;
  expireMs: number;
  state: JobState;
  startAfterMs?: number;
  queueMs?: number;
  firstStartMs?: number;
  startMs?: number;
  endMs?: number;
  worker?: string;
  fence?: string;
  attempts: { number: number; worker: string; fence: string; startMs: number; endMs?: number; error?: Failure }[];
  /** Attempts that do not count, and those of them that were lost with their worker. */
  refunds: number;
  losses: number;
  error?: Failure;
  effect?: Effect;
  intentMs?: number;
  intendedStep: number;
  confirmedStep: number;
  result?: Uint8Array;
  transcript?: Uint8Array;
  resolution?: ResolutionRecord;
  retryMs?: number;
  cancelRequested: boolean;
  deleteMs?: number;
  retriedBy?: string;
  /** The full limit it is put aside under. */
  parked?: string;
  readonly permits: Set<string>;
  /** Since when it counts as ended for retention; unset while its outcome is open. */
  doneMs?: number;
  output: Uint8Array;
  /** Number of the last part written in this attempt. */
  part: number;
  /** Output of its latest attempt is missing, and no more of it is kept. */
  cut?: true;
  /** Its output no longer counts: removed to make room, or never to be kept. */
  outputGone: boolean;
  secret: boolean;
  readonly events: EventRecord[];
}

/** What exclusivity is about. Whether a claim finds it follows from the rest, but for since when its owner leaves it. */
export interface ModelDevice {
  readonly endpoint: string;
  owner?: string;
  run?: string;
  fence?: string;
  /** Unresolved jobs by when they came to hold it. `hold` is the one that shows. */
  readonly holds: Map<string, number>;
  hold?: string;
  lock?: LockRecord;
  paused?: PauseRecord;
  /** Until when it takes no new job. */
  closedUntilMs: number;
  lastFailure?: NonNullable<DeviceStatusRecord["lastFailure"]>;
  warmSinceMs?: number;
}

/** A worker in the zone. */
export interface ModelWorker {
  readonly identity: WorkerIdentity;
  state: "alive" | "draining" | "dead";
  birthMs: number;
  beatMs: number;
  beat: number;
  running: number;
  sessions: number;
  closing: boolean;
  succeeded: number;
  failed: number;
  control?: WorkerControl;
  deadMs?: number;
  /** Its journal was waited for long enough. */
  missing?: boolean;
  /** The history with which it agreed last on what runs. */
  settled?: string;
  claim?: { readonly number: number; readonly taken: readonly { readonly id: string; readonly fence: string }[] };
}

/** How a zone stands to the history that its store has now. */
export interface ModelGate {
  /** The history it was reconciled with. */
  id?: string;
  /** When it was last known to be. */
  markMs?: number;
  /** The history it is being reconciled with, since when, and the last fence that is remembered. */
  for?: string;
  sinceMs?: number;
  fence?: number;
  /** The last number of a registration that is remembered, and the last that may have been forgotten. */
  regs?: number;
  anew?: number;
  readonly replayed: Set<string>;
  /** Workers that a server remembers and the store does not. */
  readonly unknown: Set<string>;
  /** What no change is taken for, as names of holds; and the time since when those journals are to be told. */
  readonly closed: Set<string>;
  untoldMs?: number;
  /** Counts registrations and farewells; workers that no server has seen yet, by it. */
  roster: number;
  readonly unseen: Map<string, number>;
  /** Workers that another has written down, and those that wait for it, by the number of registrations then. */
  readonly witnesses: Set<string>;
  readonly newcomers: Map<string, number>;
  /** How far jobs were looked at that wait in old data, by state. */
  readonly walked: Map<string, string>;
}

/** When a policy keeps changes from starting, and at which devices; undefined: at all. */
export interface ModelFreeze {
  readonly fromMs: number;
  readonly toMs?: number;
  readonly endpoints?: readonly string[];
}

/** All that a zone is. Plain data, so that a simulation can copy it. */
export interface ModelZone {
  readonly name: string;
  /** Whole milliseconds. */
  readonly now: () => number;
  /** The same with microseconds, of which no two commands share one. */
  readonly moment: () => number;
  readonly jobs: Map<string, ModelJob>;
  readonly devices: Map<string, ModelDevice>;
  readonly workers: Map<string, ModelWorker>;
  readonly requests: Map<string, { readonly id: string; readonly fingerprint: string }>;
  readonly dedupe: Map<string, string>;
  readonly limits: Map<string, number>;
  /** Names under which jobs were put aside, until none was found there. */
  readonly crowds: Set<string>;
  readonly pausedQueues: Map<string, PauseRecord>;
  readonly queues: Set<string>;
  /** What policies say of this zone, by their names. */
  readonly freezes: Map<string, ModelFreeze>;
  readonly gate: ModelGate;
  /** Which process with which history this is. Not of the zone's own data: it does not go back with them. */
  readonly identity: () => string;
  fence: number;
}

export function createZone(name: string, moment: () => number, identity: () => string): ModelZone {
  return {
    name,
    moment,
    identity,
    gate: {
      ...{ replayed: new Set(), unknown: new Set(), closed: new Set(), walked: new Map() },
      ...{ roster: 0, unseen: new Map(), witnesses: new Set(), newcomers: new Map() },
    },
    now: () => Math.floor(moment()),
    jobs: new Map(),
    devices: new Map(),
    workers: new Map(),
    requests: new Map(),
    dedupe: new Map(),
    limits: new Map(),
    crowds: new Set(),
    pausedQueues: new Map(),
    queues: new Set(),
    freezes: new Map(),
    fence: 0,
  };
}

/** What of a zone its store keeps: a copy of it is what an older copy of the store holds. */
export type ZoneCopy = Omit<ModelZone, "name" | "now" | "moment" | "identity">;

export function copyOf({ name: _, now: __, moment: ___, identity: ____, ...kept }: ModelZone): ZoneCopy {
  return structuredClone(kept);
}

/** The zone is what it was when the copy was made. */
export function goBack(zone: ModelZone, copy: ZoneCopy): void {
  const { gate, fence, ...collections } = structuredClone(copy);
  for (const [name, kept] of Object.entries(collections)) {
    const now = zone[name as keyof typeof collections] as Map<unknown, unknown> | Set<unknown>;
    now.clear();
    for (const one of kept as Iterable<unknown>) {
      if (now instanceof Set) now.add(one);
      else now.set(...(one as [unknown, unknown]));
    }
  }
  for (const name of Object.keys(zone.gate)) delete zone.gate[name as keyof ModelGate];
  Object.assign(zone.gate, gate);
  zone.fence = fence;
}

export function deviceAt(zone: ModelZone, endpoint: string): ModelDevice {
  let device = zone.devices.get(endpoint);
  if (!device) zone.devices.set(endpoint, (device = { endpoint, holds: new Map(), closedUntilMs: 0 }));
  return device;
}

/** Sorts as Redis sorts: by number, then by text. */
export function byScore<T>(items: Iterable<T>, score: (item: T) => number, name: (item: T) => string): T[] {
  return [...items].sort((a, b) => score(a) - score(b) || (name(a) < name(b) ? -1 : 1));
}

export function record(zone: ModelZone, job: ModelJob, fact: EventFact): void {
  const number = job.events.length + 1;
  job.events.push({ number, timeMs: zone.now(), attempt: job.attempts.length, fact });
}

/** The jobs of one line, first one first, without those put aside. */
export function lineAt(zone: ModelZone, endpoint: string, line: Line): ModelJob[] {
  const there = [...zone.jobs.values()].filter(
    (job) => job.state === "QUEUED" && job.parked === undefined && job.line === line && job.spec.endpoint === endpoint,
  );
  return byScore(
    there,
    (job) => job.score,
    (job) => job.id,
  );
}

/** The jobs of a line that nothing but order keeps from starting; undefined when the line is closed to all. */
export function openLine(zone: ModelZone, device: ModelDevice, line: Line): ModelJob[] | undefined {
  if (device.paused || (line === "changes" && device.hold !== undefined)) return undefined;
  const { lock } = device;
  const all = lineAt(zone, device.endpoint, line);
  return lock && (lock.scope === "ALL" || line === "changes")
    ? all.filter((job) => job.spec.creator === lock.owner)
    : all;
}

/** The job that the device could start next, whatever runs there. */
export function headOf(zone: ModelZone, device: ModelDevice): ModelJob | undefined {
  const [read] = openLine(zone, device, "reads") ?? [];
  const [change] = openLine(zone, device, "changes") ?? [];
  return read && change ? (change.score < read.score ? change : read) : (read ?? change);
}

/** The job that a claim would find at the device. */
export function startable(zone: ModelZone, device: ModelDevice): ModelJob | undefined {
  return device.run === undefined ? headOf(zone, device) : undefined;
}

/** Whether a journal that has not been told yet may know of work at the device that is not known here. */
export function mayBeForgotten(zone: ModelZone): boolean {
  return isShut(zone) || zone.gate.closed.size > 0;
}

/** Whether a worker has what the job asks for. */
export function isAble(zone: ModelZone, worker: string, { spec: { skill } }: ModelJob): boolean {
  return skill === undefined || (zone.workers.get(worker)?.identity.skills.includes(skill) ?? false);
}

export function letGo(device: ModelDevice): void {
  delete device.owner;
  delete device.warmSinceMs;
}

/** What follows whenever a line, an owner, a run or a gate of the device changed. */
export function place(zone: ModelZone, endpoint: string): void {
  const device = deviceAt(zone, endpoint);
  const job = startable(zone, device);
  if (!job) {
    delete device.warmSinceMs;
  } else if (device.owner !== undefined) {
    if (zone.workers.get(device.owner)?.closing || !isAble(zone, device.owner, job)) letGo(device);
    else device.warmSinceMs ??= zone.now();
  }
}

export function hold(zone: ModelZone, job: ModelJob): void {
  holdBy(zone, job.spec.endpoint, job.id);
}

/** Closes a device for changes, for a job or for another reason. */
export function holdBy(zone: ModelZone, endpoint: string, name: string): void {
  const device = deviceAt(zone, endpoint);
  device.holds.set(name, zone.now());
  device.hold ??= name;
  place(zone, endpoint);
}

/** Closes a device for all that its zone is closed for, when a change comes back into its line. */
export function holdAsZone(zone: ModelZone, job: ModelJob): void {
  if (job.line !== "changes") return;
  for (const name of [...zone.gate.closed].sort()) holdBy(zone, job.spec.endpoint, name);
}

/** Whether the zone is not (yet) reconciled with the history it has. */
export function isShut({ gate, identity }: ModelZone): boolean {
  return gate.id !== identity();
}

/** A job as it is when it is new. */
export function bareJob(spec: NewJob, createMs: number, score: number, expireMs: number): ModelJob {
  const labels = Object.entries(spec.labels).map(([name, value]) => `label/${name}=${value}`);
  return {
    spec,
    id: spec.id,
    line: spec.effectClass === "READ_ONLY" ? "reads" : "changes",
    names: [...(spec.queue === undefined ? [] : [`queue/${spec.queue}`]), `caller/${spec.creator}`, ...labels],
    createMs,
    score,
    expireMs,
    state: "QUEUED",
    attempts: [],
    refunds: 0,
    losses: 0,
    intendedStep: 0,
    confirmedStep: 0,
    cancelRequested: false,
    permits: new Set(),
    output: new Uint8Array(),
    part: 0,
    outputGone: false,
    secret: spec.sealedSecret !== undefined,
    events: [],
  };
}

/** Puts a job into the zone as it is when it is new. */
export function addJob(zone: ModelZone, spec: NewJob, createMs: number, score: number, expireMs: number): ModelJob {
  const job = bareJob(spec, createMs, score, expireMs);
  zone.jobs.set(job.id, job);
  if (spec.queue !== undefined) zone.queues.add(spec.queue);
  return job;
}

/** The policy that keeps the jobs of a line from starting, and until when. */
export function frozen(
  zone: ModelZone,
  endpoint: string,
  line: Line,
): { readonly policy: string; readonly untilMs?: number } | undefined {
  if (line === "reads") return undefined;
  const [first] = [...zone.freezes]
    .filter(([, freeze]) => closes(zone, freeze) && (freeze.endpoints?.includes(endpoint) ?? true))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return first && { policy: first[0], ...(first[1].toMs === undefined ? {} : { untilMs: first[1].toMs }) };
}

function closes(zone: ModelZone, { fromMs, toMs }: ModelFreeze): boolean {
  return fromMs <= zone.now() && (toMs === undefined || toMs > zone.now());
}

/** Whether jobs wait aside under the name of a policy, not of a limit. */
export function isPolicy(name: string): boolean {
  return /^(freeze|window|stop)\//.test(name);
}

/** How many may start under a name that jobs wait aside for. */
function roomUnder(zone: ModelZone, name: string): number | undefined {
  if (!isPolicy(name)) return ceiling(zone, name);
  const freeze = zone.freezes.get(name);
  return freeze && closes(zone, freeze) ? 0 : undefined;
}

/** How many may run under a name: undefined for no limit, 0 while its queue is paused. */
export function ceiling(zone: ModelZone, name: string): number | undefined {
  if (zone.pausedQueues.has(name)) return 0;
  return zone.limits.get(/^(label\/[^=]+)=/.exec(name)?.[1] ?? name);
}

export function holders(zone: ModelZone, name: string): number {
  let count = 0;
  for (const job of zone.jobs.values()) if (job.permits.has(name)) count += 1;
  return count;
}

/** The name that keeps a job from starting, if any. */
export function fullLimit(zone: ModelZone, job: ModelJob): string | undefined {
  return job.names.find((name) => {
    const most = ceiling(zone, name);
    return most === 0 || (most !== undefined && holders(zone, name) >= most && !job.permits.has(name));
  });
}

/** Takes every permit that the job needs, or none: gives the name that is full. */
export function acquire(zone: ModelZone, job: ModelJob): string | undefined {
  const full = fullLimit(zone, job);
  if (full !== undefined) return full;
  for (const name of job.names) {
    if (ceiling(zone, name) !== undefined || name.startsWith("queue/")) job.permits.add(name);
  }
  return undefined;
}

/** Whether a job in its line is the one that its device starts next, and can. */
function canStart(zone: ModelZone, job: ModelJob): boolean {
  return startable(zone, deviceAt(zone, job.spec.endpoint)) === job;
}

/** Takes permits back that were handed to jobs which cannot start any more. */
export function recall(zone: ModelZone, name: string): void {
  const stuck = (job: ModelJob) => job.permits.has(name) && job.state === "QUEUED" && !canStart(zone, job);
  const ids = [...zone.jobs.values()].filter((job) => job.permits.has(name)).map(({ id }) => id);
  for (const id of ids.sort()) {
    const job = zone.jobs.get(id);
    if (job && stuck(job)) giveBack(zone, job);
  }
}

/** Lets jobs that were put aside under a name go on, while it has room. */
export function admit(zone: ModelZone, name: string): void {
  for (let turn = 0; turn < 100; turn++) {
    const most = roomUnder(zone, name);
    if (most !== undefined && holders(zone, name) >= most) return;
    const [first] = byScore(
      [...zone.jobs.values()].filter((job) => job.parked === name),
      (job) => job.score,
      (job) => job.id,
    );
    if (!first) {
      zone.crowds.delete(name);
      return;
    }
    delete first.parked;
    holdAsZone(zone, first);
    if (most !== undefined && canStart(zone, first)) first.permits.add(name);
    place(zone, first.spec.endpoint);
  }
}

/** Puts a job aside under a name. */
export function park(zone: ModelZone, job: ModelJob, name: string): void {
  job.parked = name;
  zone.crowds.add(name);
}

export function lendPermits(zone: ModelZone, job: ModelJob): void {
  for (const name of job.names) {
    if (name.startsWith("queue/") || !job.permits.delete(name)) continue;
    admit(zone, name);
  }
}

export function giveBack(zone: ModelZone, job: ModelJob): void {
  const had = job.names.filter((name) => job.permits.has(name));
  for (const name of had) {
    job.permits.delete(name);
    admit(zone, name);
  }
}

/**
 * What may be repeated waits its whole queue timeout again, behind the pause until it can start; a change does not, so that
 * nothing stale runs late.
 */
export function waitAgain(zone: ModelZone, job: ModelJob, pauseMs = 0): void {
  if (job.spec.effectClass === "AT_MOST_ONCE") return;
  job.expireMs = Math.max(job.expireMs, zone.now() + job.spec.queueTimeoutMs) + pauseMs;
}

/** The part of ending a job that every end shares. */
export function end(zone: ModelZone, job: ModelJob, state: JobState): void {
  const now = zone.now();
  job.state = state;
  job.endMs = now;
  job.secret = false;
  delete job.parked;
  if (state !== "INDETERMINATE") job.doneMs = now;
  if (job.spec.dedupe && zone.dedupe.get(job.spec.dedupe.key) === job.id) zone.dedupe.delete(job.spec.dedupe.key);
  if (job.output.length > 0 && job.spec.retain !== undefined) job.outputGone = true;
  giveBack(zone, job);
  dropOwn(zone, job.spec.endpoint);
}

/** Work without a device stands at an endpoint of its own, which ends with it. */
export function dropOwn(zone: ModelZone, endpoint: string): void {
  const device = zone.devices.get(endpoint);
  if (!endpoint.startsWith("job/") || !device || device.holds.size > 0 || device.run !== undefined) return;
  const waits = [...zone.jobs.values()].some(
    (job) => job.spec.endpoint === endpoint && (job.state === "QUEUED" || job.state === "DELAYED"),
  );
  if (!waits) zone.devices.delete(endpoint);
}

export function isLive(job: ModelJob): boolean {
  return !isFinal(job.state);
}
