import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { expect } from "vitest";
import { createJobId } from "../../../src/domain/job-id.js";
import type { JobRecord } from "../../../src/domain/job.js";
import { createKeySpace } from "../../../src/store/keys.js";
import { createScripts, type Scripts } from "../../../src/store/scripts.js";
import {
  type Holder,
  type JournalFact,
  type Store,
  StoreError,
  type WorkerIdentity,
  type QueueRecord,
} from "../../../src/store/store.js";
import { worker } from "../../support/jobs.js";
import { see, type TestStore } from "../../support/store.js";
import { createModelStore, type ModelStore } from "./model-store.js";
import { isShut } from "./zone.js";

export const endpoints = ["10.0.0.1:22", "10.0.0.2:22", "10.0.0.3:22"] as const;
export const queues = ["q1", "q2"] as const;

/** The same history in the model and on Redis, and what a command can refer to. */
export interface World {
  readonly at: TestStore;
  readonly real: Store;
  readonly scripts: Scripts;
  readonly root: string;
  readonly model: ModelStore;
  /** What both stores call the history that they have. */
  readonly history: string;
  readonly ids: string[];
  readonly holders: Holder[];
  readonly workers: WorkerIdentity[];
  /** Which devices the store freed last; the model follows. */
  freed: readonly string[];
  /** Moves between states that happened, as "QUEUED → RUNNING". */
  readonly moves: Set<string>;
  requests: number;
  /** The roster that each store named last to the server that looks at it. */
  readonly rosters: Map<Either, string>;
  /** Attempts that passed their point of no return, as the real store's journal and the model's know them. */
  readonly intents: Intent[];
  nextId(): string;
}

/** What a worker's journal would hold of an intent: the request keys of the two stores differ. */
export interface Intent {
  readonly fact: Omit<JournalFact, "requests">;
  readonly real: JournalFact["requests"];
  readonly model: JournalFact["requests"];
}

const start = Date.UTC(2030, 0, 1);
const scriptsOf = new WeakMap<TestStore, Scripts>();

/** Empties Redis and begins a history with two workers. */
export async function newWorld(at: TestStore, moves: Set<string>): Promise<World> {
  await at.empty();
  const root = createKeySpace("pm").zone("default");
  let scripts = scriptsOf.get(at);
  if (!scripts) scriptsOf.set(at, (scripts = createScripts(at.redis, () => at.time.now)));
  // Both clocks of scripts begin anew: within a millisecond of the last history they would go on from there.
  at.time.now = 0;
  await Promise.all([at.store.upkeep.tick("default"), scripts.run("tick", root, 1)]);
  at.time.now = start;
  let ids = 0;
  const info = await at.redis.info("server", "replication");
  const history = ["run_id", "master_replid"].map((name) => new RegExp(`${name}:(\\w+)`).exec(info)?.[1]).join(" ");
  const world: World = {
    history,
    at,
    real: at.store,
    scripts,
    root,
    model: createModelStore(
      () => Number(at.time.now.toFixed(3)),
      () => world.freed,
      () => history,
    ),
    ids: [],
    holders: [],
    workers: [tasker("w1"), tasker("w2")],
    freed: [],
    moves,
    requests: 0,
    rosters: new Map(),
    intents: [],
    nextId: () => {
      // As good as random, so that order by id is not order of creation, and the same in every replay.
      const bytes = createHash("sha256").update(String(ids++)).digest();
      return createJobId(Math.floor(at.time.now), 0, { number: () => 0, bytes: (length) => bytes.subarray(0, length) });
    },
  };
  await Promise.all([world.real, world.model].map(({ upkeep }) => upkeep.reconcile("default")));
  for (const identity of world.workers) await register(world, identity);
  return world;
}

/** Tells Redis what the model's zone is told by policies. */
export async function setFreezes(world: World): Promise<void> {
  const { freezes } = world.model.zone;
  for (const [name, { endpoints: some = [] }] of freezes) {
    const set = `${world.root}:frozen:${name}`;
    await world.at.redis.del(set);
    if (some.length > 0) await world.at.redis.sadd(set, ...some);
  }
  const texts = [...freezes].flatMap(([name, { fromMs, toMs, endpoints: some }]) => [
    name,
    `${some ? "some" : "all"} ${fromMs}-${toMs ?? ""}`,
  ]);
  await world.scripts.run("write_freezes", world.root, "1", "", ...texts);
}

/** What both stores can do. */
export type Either = Pick<Store, "jobs" | "leases" | "upkeep" | "devices" | "queues" | "workers">;

/** Does the same to both and compares the answers, refusals by their reason. Gives the answer, undefined when refused. */
export async function both<T>(world: World, act: (store: Either) => Promise<T>): Promise<T | undefined> {
  const real = await outcome(() => act(world.real));
  const model = await outcome(() => act(world.model as unknown as Either));
  same(real, model);
  return real.value;
}

/** Asks the store for all of it at the same time and the model one after the other, and compares answer by answer. */
export async function bothTogether(
  world: World,
  acts: readonly ((store: Either) => Promise<unknown>)[],
  between: () => void = () => undefined,
): Promise<void> {
  const real = await Promise.all(acts.map((act) => outcome(() => act(world.real))));
  const model: unknown[] = [];
  for (const act of acts) {
    model.push(await outcome(() => act(world.model as unknown as Either)));
    between();
  }
  same(real, model);
}

async function outcome<T>(act: () => Promise<T>): Promise<{ value?: T; refused?: string }> {
  try {
    return { value: await act() };
  } catch (error) {
    if (error instanceof StoreError) return { refused: error.reason };
    if (error instanceof Error && error.message.includes("was buried")) return { refused: "buried" };
    throw error;
  }
}

/** Bytes as text, and sets of ids in one order, so that what means the same compares the same. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("latin1");
  if (value instanceof Map) return [...(value as Map<string, unknown>)].sort(([a], [b]) => (a < b ? -1 : 1));
  if (Array.isArray(value)) return value.map(plain);
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, part]) => part !== undefined)
        .map(([name, part]) => [name, name === "cancels" ? [...(part as string[])].sort() : plain(part)]),
    );
  }
  return value;
}

/** How much goes through a queue has a test of its own. */
function withoutRates({ rates: _, ...rest }: QueueRecord): Omit<QueueRecord, "rates"> {
  return rest;
}

/** Fails with the difference when the store does not say what the model says. */
export function same(real: unknown, model: unknown): void {
  const [a, b] = [plain(real), plain(model)];
  if (!isDeepStrictEqual(a, b)) expect(a).toEqual(b);
}

/** Everything a caller can see that a command may have changed. */
export async function compare(world: World): Promise<void> {
  const see = async ({ jobs, devices }: Pick<Store, "jobs" | "devices">) => {
    const records = await jobs.getMany(world.ids);
    const known = records.filter((job): job is JobRecord => job !== undefined);
    const [waiting, status] = await Promise.all([
      jobs.waiting(known),
      Promise.all(endpoints.map((endpoint) => devices.status("default", endpoint))),
    ]);
    return { records, waiting, status };
  };
  same(await see(world.real), await see(world.model as unknown as Store));
}

/** Registers a worker on both, seen by a server and written down by another unless it is to be `unseen`. */
export async function register(world: World, identity: WorkerIdentity, unseen = false): Promise<void> {
  await both(world, async (store) => {
    const from = store === world.real ? world.at.unwatched : store;
    const answer = await from.leases.register(identity);
    if (!unseen) await see(from, "default");
    return answer;
  });
  if (unseen || world.model.zone.workers.get(identity.name)?.state === "dead") return;
  await world.at.redis.sadd(`${world.root}:witnesses`, identity.name);
  world.model.zone.gate.witnesses.add(identity.name);
}

/** Buries on both a worker whose beat is the one seen, or goes on with one that is buried. */
export async function reap(world: World, name: string, beat: number, limit: number): Promise<void> {
  const before = await world.real.workers.endpoints("default", name, 100);
  const real = await world.real.upkeep.reap("default", name, beat, limit);
  const after = await world.real.workers.endpoints("default", name, 100);
  world.freed = before.filter((endpoint) => !after.includes(endpoint));
  same(real, await world.model.upkeep.reap("default", name, beat, limit));
}

/** A server that remembers nothing, what it was told last, or another history, by name of some workers or not. */
export type Memory = "nothing" | "last" | "another history" | readonly string[];

/** A step of opening the zone's gate on both; who was waited for long enough is buried. */
export async function reconcile(world: World, memory: Memory = "nothing"): Promise<void> {
  const another = { roster: "another history 3", ...(Array.isArray(memory) && { workers: memory as string[] }) };
  const gate = await both(world, async (store) => {
    const told = world.rosters.get(store);
    const last = told === undefined ? undefined : { roster: told };
    const remembered = memory === "nothing" ? undefined : memory === "last" ? last : another;
    const { roster, ...state } = { roster: undefined, ...(await store.upkeep.reconcile("default", remembered)) };
    if (roster !== undefined) world.rosters.set(store, roster);
    return {
      ...state,
      ...("missing" in state ? { missing: [...state.missing].sort() } : {}),
      ...("workers" in state && state.workers ? { workers: [...state.workers].sort() } : {}),
    };
  });
  if (gate?.state === "LOST") for (const name of gate.missing ?? []) await reap(world, name, 0, 100);
}

/** What is compared once, when a history ends: lists, counts, queues, workers, events, outputs, and that fsck is content. */
export async function compareAll(world: World): Promise<void> {
  while (isShut(world.model.zone)) {
    world.at.time.now += 31_000;
    await reconcile(world);
  }
  // A reaper that was cut off in the middle is followed by another.
  for (const { state, identity } of world.model.zone.workers.values()) {
    if (state === "dead") await reap(world, identity.name, 0, 100);
  }

  const see = async ({ jobs, queues: lines, workers, devices: _ }: Either) => {
    const listed = async (order: "created" | "ended") =>
      (await jobs.list({}, { limit: 1_000, order })).jobs.map(({ id }) => id);
    const live = (await jobs.getMany(world.ids)).filter((job): job is JobRecord => job !== undefined);
    const kept = live.filter(({ id }) => world.model.zone.jobs.get(id)?.spec.retain === undefined);
    return Promise.all([
      listed("created"),
      listed("ended"),
      jobs.count({}),
      workers.list(),
      Promise.all(queues.map((queue) => lines.get({ zone: "default", queue }).then(withoutRates))),
      Promise.all(endpoints.map((endpoint) => lines.get({ zone: "default", device: "r", endpoint }))),
      lines.named("default"),
      Promise.all(live.map(({ id }) => jobs.events(id, 1, 1_000))),
      // What is not kept lingers by the server's own clock, which is not the test's.
      Promise.all(kept.map(({ id, outputBytes }) => jobs.output(id, 0, outputBytes))),
    ]);
  };
  same(await see(world.real), await see(world.model as unknown as Either));
  for (const { events } of world.model.zone.jobs.values()) {
    const states = events.flatMap(({ fact }) => (fact.kind === "state" ? [fact.state] : []));
    for (const [i, state] of states.slice(1).entries()) world.moves.add(`${states[i]} → ${state}`);
  }
  const problems: unknown[] = [];
  await world.real.fsck.check("default", { repair: false, report: (problem) => problems.push(problem) });
  expect(problems).toEqual([]);
}

/** A worker that has loaded a task. */
export function tasker(name: string): WorkerIdentity {
  const some = worker(name);
  return { ...some, skills: [...some.skills, "task/x"] };
}
