import { setTimeout as pause } from "node:timers/promises";
import { isFinal, type Pointsman, PointsmanError } from "@pointsman/sdk";
import { type Job, JobState } from "@pointsman/sdk/v1";
import { createSeededRandom } from "../../src/dev/simulator/seeded-random.js";
import { configurationOf, readOf } from "./fleet.js";
import type { Installation } from "./installation.js";
import type { Entry } from "./ledger.js";
import { createReader, type Reader } from "./received.js";
import { tail } from "./tail.js";
import { watchToItsEnd } from "./watcher.js";

/** Jobs that are created, followed, and whose doubts are resolved, as callers and people do. */
export interface Load {
  readonly entries: readonly Entry[];
  readonly received: Reader;
  /** Creates that were answered with a job. */
  readonly accepted: number;
  /** Entries that have not ended, or are in doubt. */
  readonly open: number;
  /** Creates that were repeated because what was accepted was lost. */
  readonly repeated: number;
  /** Jobs whose watch was followed to its end. */
  readonly watched: number;
  /** No more jobs are created. */
  close(): void;
  /** Looks at every job again, also at those that had ended: Redis may have forgotten that. */
  again(): void;
  /** Resolves when nothing is open, or after `ms`. */
  settled(ms: number): Promise<void>;
  stop(): Promise<void>;
}

const configurationShare = 0.7;
const lookEveryMs = 500;
/** Of so many looks one is for doubts that nobody knew of. */
const doubtsEvery = 10;
const creators = 64;
/** Jobs come no faster than one in so many milliseconds, so that a kill meets no crowd. */
const paceMs = 22;
/** Every so many-th job is watched as well. */
const watchEvery = 40;
/** Every so many-th job is a task. */
const taskEvery = 6;
/** Codes of calls that may be repeated under their request id. */
const repeatable: ReadonlySet<string> = new Set([
  "unavailable",
  "resource_exhausted",
  "deadline_exceeded",
  "aborted",
  "canceled",
  "unknown",
]);

/** What a job does; some do the same as a task. */
function workOf({ key, kind }: Entry) {
  const isTask = Number(key.slice(1)) % taskEvery === 0;
  if (kind === "configure") {
    const lines = configurationOf(key);
    return isTask
      ? { task: { type: "chaos.change", input: { lines } } }
      : { configure: { lines, acceptUnproven: true } };
  }
  const command = readOf(key);
  return isTask ? { task: { type: "chaos.read", input: { command } } } : { commands: [command] };
}

/** Keeps `target` jobs open at a time, on devices drawn by the seed. */
export function startLoad(at: Installation, seed: string, target: number): Load {
  const random = createSeededRandom(`${seed}/load`);
  const entries: Entry[] = [];
  const open = new Map<string, Entry>();
  const byId = new Map<string, Entry>();
  /** Being created again: that may take until a gate opens. */
  const again = new Set<Entry>();
  const received = createReader();
  const journal = tail(at.journal, (entry) => received.take(entry));
  let creating = true;
  let ending = false;
  let accepted = 0;
  let repeated = 0;
  let watched = 0;
  let calls = 0;
  const watching = new AbortController();
  const anyClient = (): Pointsman => at.clients[calls++ % at.clients.length]!;

  /** Repeats a call until it is answered. Undefined when the run is over. */
  async function insist<T>(call: (client: Pointsman) => Promise<T>): Promise<T | undefined> {
    while (!ending) {
      try {
        return await call(anyClient());
      } catch (error) {
        if (!(error instanceof PointsmanError) || !repeatable.has(error.code)) throw error;
        await pause(100);
      }
    }
    return undefined;
  }

  function draw(): Entry {
    const device = at.devices[Math.floor(random.number() * at.devices.length)]!;
    const kind = random.number() < configurationShare ? "configure" : "read";
    const entry: Entry = {
      ...{ key: `j${entries.length}`, kind, device: device.name, platform: device.platform, sentAtLoss: 0 },
      ...{ ids: [], intendedStep: 0, confirmedStep: 0, resolved: false, succeeded: false, problems: [] },
    };
    entries.push(entry);
    open.set(entry.key, entry);
    return entry;
  }

  async function submit(entry: Entry): Promise<void> {
    const { key, device } = entry;
    const work = workOf(entry);
    try {
      const job = await insist((client) => {
        entry.sentAtLoss = at.redis.lost;
        return client.jobs.create({ device, ...work }, { requestId: `${seed}-${key}`, timeoutMs: 4_000 });
      });
      if (job === undefined) return;
      accepted++;
      if (entry.ids.length === 0 && Number(key.slice(1)) % watchEvery === 0) void watch(entry, job.id);
      if (!entry.ids.includes(job.id)) entry.ids.push(job.id);
      byId.set(job.id, entry);
    } catch (error) {
      entry.problems.push(`its create was refused: ${String(error)}`);
      open.delete(key);
    }
  }

  /** Events of a history that Redis lost in part are another history. */
  async function watch(entry: Entry, id: string): Promise<void> {
    const losses = at.redis.lost;
    const problem = await watchToItsEnd(anyClient(), id, watching.signal);
    if (watching.signal.aborted || lostSince(losses)) return;
    watched++;
    if (problem !== undefined) entry.problems.push(problem);
  }

  let next = performance.now();
  async function create(): Promise<void> {
    while (creating && !ending) {
      const now = performance.now();
      if (open.size < target && now >= next) {
        next = Math.max(next + paceMs, now - paceMs * creators);
        await submit(draw());
      } else await pause(10);
    }
  }

  /** Redis may have forgotten a verdict, or an end: what is in doubt by now keeps its device until somebody looks. */
  async function lookForDoubts(): Promise<void> {
    for await (const job of anyClient().jobs.list({ states: [JobState.INDETERMINATE] }, { timeoutMs: 3_000 })) {
      const entry = byId.get(job.id);
      if (entry && job.resolution === undefined && entry.problems.length === 0) open.set(entry.key, entry);
    }
  }

  async function look(): Promise<void> {
    for (let round = 1; !ending; round++) {
      if (round % doubtsEvery === 0) await lookForDoubts().catch(() => undefined);
      const ids = [...open.values()].flatMap((entry) => (again.has(entry) ? [] : entry.ids.slice(-1)));
      const losses = at.redis.lost;
      for (let from = 0; from < ids.length; from += 1_000) {
        const some = ids.slice(from, from + 1_000);
        const answer = await anyClient()
          .jobs.getMany(some, { timeoutMs: 3_000 })
          .catch(() => undefined);
        for (const job of answer?.jobs ?? []) await note(byId.get(job.id)!, job);
        for (const id of answer?.notFound ?? []) void missing(byId.get(id)!, losses);
      }
      await pause(lookEveryMs);
    }
  }

  /** Whether data was lost after so many losses, or is this very moment. */
  const lostSince = (losses: number): boolean => at.redis.losing || at.redis.lost !== losses;

  async function missing(entry: Entry, losses: number): Promise<void> {
    again.add(entry);
    if (losses === entry.sentAtLoss && !lostSince(losses))
      entry.problems.push("was accepted, and is not known, though no data was lost");
    repeated++;
    await submit(entry);
    again.delete(entry);
  }

  async function note(entry: Entry, job: Job): Promise<void> {
    entry.state = job.state;
    entry.effect = job.effect;
    entry.reason = job.error?.reason ?? "";
    entry.intendedStep = job.lastIntendedStep;
    entry.confirmedStep = job.lastConfirmedStep;
    entry.resolved = job.resolution !== undefined;
    if (job.state === JobState.SUCCEEDED) entry.succeeded = true;
    if (job.state === JobState.INDETERMINATE && !entry.resolved) return resolve(entry, job);
    if (isFinal(job.state)) open.delete(entry.key);
  }

  /** What a person would do: look at the device, and say what is there. */
  async function resolve(entry: Entry, job: Job): Promise<void> {
    const device = await anyClient()
      .devices.get(entry.device, { timeoutMs: 10_000 })
      .catch(() => undefined);
    if (device === undefined) return;
    if (device.status?.hold === undefined) {
      const now = await anyClient()
        .jobs.get(job.id, { timeoutMs: 10_000 })
        .catch(() => undefined);
      const still = now?.state === JobState.INDETERMINATE && now.resolution === undefined;
      const held =
        still &&
        (await anyClient()
          .devices.get(entry.device)
          .catch(() => undefined));
      if (still && held && held.status?.hold === undefined)
        entry.problems.push("is in doubt, and its device is not held");
      return;
    }
    journal.read();
    entry.linesAtResolution = received.linesOf(entry.key);
    const kind = entry.linesAtResolution > 0 ? "applied" : "not-applied";
    await anyClient()
      .jobs.resolve(job.id, { kind, reason: "the device's journal was read" }, { timeoutMs: 10_000 })
      .catch(() => undefined);
  }

  const work = [look(), ...Array.from({ length: creators }, create)];
  return {
    entries,
    received,
    get accepted() {
      return accepted;
    },
    get open() {
      return open.size;
    },
    get repeated() {
      return repeated;
    },
    get watched() {
      return watched;
    },
    close() {
      creating = false;
    },
    again() {
      for (const entry of entries) if (entry.problems.length === 0) open.set(entry.key, entry);
    },
    async settled(ms) {
      const until = performance.now() + ms;
      while (open.size > 0 && performance.now() < until) await pause(50);
    },
    async stop() {
      creating = false;
      ending = true;
      watching.abort();
      await Promise.all(work);
      journal.read();
      journal.close();
    },
  };
}
