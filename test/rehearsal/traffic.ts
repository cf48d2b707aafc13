import { setTimeout as pause } from "node:timers/promises";
import { isFinal } from "@pointsman/sdk";
import { JobState } from "@pointsman/sdk/v1";
import { readOf } from "../chaos/fleet.js";
import { nameOf } from "../chaos/ledger.js";
import { createReader } from "../chaos/received.js";
import { tail } from "../chaos/tail.js";
import type { Stand } from "./stand.js";

/** What a caller does all the time: creates jobs, reads, follows. */
export interface Traffic {
  /** Jobs that were accepted, and those of them whose end was seen. */
  readonly accepted: number;
  readonly ended: number;
  /** No more jobs are created; resolves when every job has ended, or after `ms`. */
  settled(ms: number): Promise<void>;
  stop(): Promise<TrafficOutcome>;
}

/** What was seen. */
export interface TrafficOutcome {
  readonly accepted: number;
  readonly perState: Readonly<Record<string, number>>;
  /** Words of calls that failed. */
  readonly failedCalls: readonly string[];
  readonly calls: number;
  /** Accepted jobs that have not ended. */
  readonly lost: readonly string[];
  /** Changes that a device received twice. */
  readonly twice: readonly string[];
  /** Changes that SUCCEEDED, and no device received them. */
  readonly unseen: readonly string[];
  /** Watches of single jobs that were followed to their end, what was wrong with some, and how often they were cut. */
  readonly watched: number;
  readonly watchProblems: readonly string[];
  readonly cuts: number;
  /** How long creates took, in milliseconds: the median, the 99th percentile and the longest. */
  readonly createMs: { readonly p50: number; readonly p99: number; readonly longest: number };
}

/** Every so many-th job is a change, and is watched. */
const changeEvery = 4;
const watchEvery = 10;
const readEveryMs = 50;
const mostAtOnce = 1_000;

/** Lines of one change: unique in the whole rehearsal. */
const changeOf = (key: string): string[] => ["configure terminal", `ip prefix-list ${key}s1 permit 10.0.0.0/8`, "end"];

/** Begins to create `rate` jobs a second, in turn on all devices. */
export function startTraffic({ client, devices, journal }: Stand, rate: number): Traffic {
  const ends = new Map<string, JobState>();
  const keys = new Map<string, { readonly key: string; readonly change: boolean }>();
  const failedCalls: string[] = [];
  const watchProblems: string[] = [];
  const createMs: number[] = [];
  const running = new Set<Promise<void>>();
  const over = new AbortController();
  let creating = true;
  let calls = 0;
  let cuts = 0;
  let watched = 0;

  async function call<T>(what: string, run: () => Promise<T>): Promise<T | undefined> {
    calls++;
    try {
      return await run();
    } catch (error) {
      if (!over.signal.aborted) failedCalls.push(`${what}: ${String(error)}`);
      return undefined;
    }
  }

  async function submit(number: number): Promise<void> {
    const key = `j${number}`;
    const change = number % changeEvery === 0;
    const device = devices[number % devices.length]!.name;
    const work = { device, commands: change ? changeOf(key) : [readOf(key)] };
    const start = performance.now();
    const job = await call("create", () => client.jobs.create(work));
    if (!job) return;
    createMs.push(performance.now() - start);
    keys.set(job.id, { key, change });
    if (number % watchEvery === 0) await watch(job.id);
  }

  /** Every event number comes once and in order, and the last says how the job ended. */
  async function watch(id: string): Promise<void> {
    let last = 0;
    let state: JobState | undefined;
    try {
      for await (const item of client.jobs.watch(id, { signal: over.signal, onReconnect: () => void cuts++ })) {
        if (item.kind !== "event") continue;
        const { number, event } = item.event;
        if (number !== last + 1) watchProblems.push(`${id}: event ${number} behind event ${last}`);
        last = number;
        if (event.case === "stateChanged") state = event.value.state;
      }
      watched++;
      if (state === undefined || !isFinal(state)) watchProblems.push(`${id}: the watch ended before the job`);
    } catch (error) {
      if (!over.signal.aborted) watchProblems.push(`${id}: ${String(error)}`);
    }
  }

  /** Follows all jobs; what is missed here is looked for in the end. */
  async function follow(): Promise<void> {
    try {
      const all = client.jobs.watchMany({}, { signal: over.signal, onReconnect: () => void cuts++ });
      for await (const item of all) {
        if (item.kind === "changed" && isFinal(item.job.state)) ends.set(item.job.id, item.job.state);
      }
    } catch (error) {
      if (!over.signal.aborted) watchProblems.push(`the watch of all jobs: ${String(error)}`);
    }
  }

  async function read(): Promise<void> {
    for (let turn = 0; !over.signal.aborted; turn++) {
      if (turn % 2 === 0) await call("list", async () => await client.jobs.list({}, { pageSize: 20 }));
      else await call("device", () => client.devices.get(devices[turn % devices.length]!.name));
      await pause(readEveryMs);
    }
  }

  async function create(): Promise<void> {
    const start = performance.now();
    for (let number = 0; creating;) {
      const due = Math.floor(((performance.now() - start) * rate) / 1_000);
      for (; number < due && running.size < mostAtOnce; number++) {
        const one: Promise<void> = submit(number).finally(() => running.delete(one));
        running.add(one);
      }
      await pause(5);
    }
  }

  const work = [follow(), read(), create()];
  const open = (): string[] => [...keys.keys()].filter((id) => !ends.has(id));

  return {
    get accepted() {
      return keys.size;
    },
    get ended() {
      return ends.size;
    },
    async settled(ms) {
      creating = false;
      const until = performance.now() + ms;
      while (performance.now() < until && (running.size > 0 || open().length > 0)) await pause(50);
    },
    async stop() {
      creating = false;
      for (const job of (await client.jobs.getMany(open())).jobs) if (isFinal(job.state)) ends.set(job.id, job.state);
      over.abort();
      await Promise.all([...work, ...running]);
      const reader = createReader();
      const received = tail(journal, (entry) => reader.take(entry));
      received.read();
      received.close();
      const perState: Record<string, number> = {};
      for (const id of keys.keys()) {
        const name = nameOf(ends.get(id) ?? JobState.UNSPECIFIED);
        perState[name] = (perState[name] ?? 0) + 1;
      }
      const changes = [...keys].filter(([, { change }]) => change);
      const sorted = createMs.sort((one, other) => one - other);
      const at = (share: number): number => Math.round(sorted[Math.floor(share * (sorted.length - 1))] ?? 0);
      return {
        ...{ accepted: keys.size, perState, failedCalls, calls, lost: open(), watched, watchProblems, cuts },
        twice: changes.filter(([, { key }]) => reader.linesOf(key) > 1).map(([id]) => id),
        unseen: changes
          .filter(([id, { key }]) => ends.get(id) === JobState.SUCCEEDED && reader.linesOf(key) === 0)
          .map(([id]) => id),
        createMs: { p50: at(0.5), p99: at(0.99), longest: at(1) },
      };
    },
  };
}
