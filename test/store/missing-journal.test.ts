import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { NewJob } from "../../src/domain/job.js";
import { createKeySpace, keyOf } from "../../src/store/keys.js";
import { createScripts } from "../../src/store/scripts.js";
import type { Newcomer, WorkerIdentity } from "../../src/store/store.js";
import { eventually } from "../support/eventually.js";
import { claimOne, newJob, succeed, worker } from "../support/jobs.js";
import { openTestStore, see, type TestStore } from "../support/store.js";

const zone = "default";
const gate = keyOf(createKeySpace("pm").zone(zone), "gate");
const [w1, w2] = [worker("w1"), worker("w2")];
const change = { effectClass: "AT_MOST_ONCE", endpoint: "10.0.0.9:22" } as const;
const figures = { running: 0, sessions: 0, closing: false, draining: false, succeeded: 0, failed: 0 };
/** What a server remembers of the history before: w2, and a worker that Redis has forgotten. */
const remembered = { roster: "another history 7", workers: ["w2", "w3"] };

let at: TestStore;
let history: string;
beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());
beforeEach(async () => {
  await at.empty();
  for (const one of [w1, w2]) ({ history } = (await at.store.leases.register(one)).toTell);
});

/** A worker has told the history that there is what these journals know. */
const tell = (by: WorkerIdentity, journals: readonly string[], newcomers?: readonly Newcomer[]): Promise<void> =>
  at.store.leases.replayed(by, history, journals, newcomers);

const create = async (part: Partial<NewJob>) => (await at.store.jobs.create(newJob(at.time.now, part))).job.id;

/** Redis has another history; w1 has told its journal, and the others have been waited for as long as they are. */
async function loseHistory(names: typeof remembered | undefined): Promise<void> {
  await at.redis.hset(gate, "id", "another");
  at.time.now += 1_000;
  await at.store.upkeep.reconcile(zone, names);
  await tell(w1, ["w1"]);
  at.time.now += 31_000;
  for (let left = 10; left > 0; left--) {
    const { state } = await at.store.upkeep.reconcile(zone, names);
    if (state === "OPENED") return;
  }
  throw new Error("the zone does not open");
}

async function waitsFor(id: string): Promise<string | undefined> {
  const job = await at.store.jobs.get(id);
  return (await at.store.jobs.waiting([job!]))[0]?.reason;
}

test.each([
  { whose: "of a worker that Redis knows", names: undefined, missing: ["w2"] },
  { whose: "of a worker that servers alone remember", names: remembered, missing: ["w2", "w3"] },
])("while the journal $whose is missing, its zone takes no change", async ({ names, missing }) => {
  const waiting = await create(change);
  await loseHistory(names);
  expect(await waitsFor(waiting)).toBe("HELD");
  const refused = { reason: "STORE_RECONCILING", metadata: { workers: missing.join(", ") } };
  await expect(create({ ...change, endpoint: "10.0.0.7:22" })).rejects.toMatchObject(refused);
  await expect(
    at.store.jobs.cancel(waiting, { interruptRunning: false, caller: "ann", reason: "" }),
  ).rejects.toMatchObject({ reason: "STORE_RECONCILING" });
  // Reads go on, on any device.
  const read = await create({ endpoint: change.endpoint });
  const holder = await claimOne(at.store, w1);
  expect(holder?.job).toBe(read);
  await succeed(at.store, holder!);
  expect(await claimOne(at.store, w1)).toBeUndefined();

  const reasons = missing.map((name) => `worker/${name}`);
  for (const reason of reasons.slice(1))
    expect(await at.store.upkeep.lift(zone, reason)).toEqual({ devices: 1, opened: true });
  await expect(create(change)).rejects.toMatchObject({ reason: "STORE_RECONCILING" });
  // The first comes back by itself: another life on its node tells what it had written.
  await tell(w1, ["w1", missing[0]!]);
  await create(change);
  expect((await claimOne(at.store, w1))?.job).toBe(waiting);
});

test("a change that comes back into its line waits as well", async () => {
  const id = await create(change);
  const holder = (await claimOne(at.store, w1))!;
  await at.redis.hset(gate, "id", "another");
  at.time.now += 1_000;
  await at.store.upkeep.reconcile(zone);
  await at.store.leases.settle(w1, history, [holder]);
  await tell(w1, ["w1"]);
  at.time.now += 31_000;
  await eventually(async () => expect((await at.store.upkeep.reconcile(zone)).state).toBe("OPENED"));
  await expect(at.store.leases.intent(holder, 1)).rejects.toMatchObject({ reason: "STORE_RECONCILING" });
  const lost = { reason: "WORKER_LOST", message: "away" };
  const end = { verdict: "REQUEUE", error: lost, intendedStep: 0, confirmedStep: 0, keepDevice: true } as const;
  await at.store.leases.finish(holder, end);
  expect(await waitsFor(id)).toBe("HELD");
  expect(await claimOne(at.store, w1)).toBeUndefined();
});

test("a worker changes nothing before a server has seen it", async () => {
  const w4 = worker("w4");
  for (const one of [w1, w2]) await at.store.leases.retire(one);
  await at.unwatched.leases.register(w4);
  await create(change);
  const holder = (await claimOne(at.store, w4))!;
  expect(await at.store.leases.intent(holder, 1)).toEqual({ answer: "UNSEEN" });
  const gate = await at.store.upkeep.reconcile(zone);
  expect(gate).toMatchObject({ state: "OPEN", workers: expect.arrayContaining(["w4"]) as string[] });
  expect(await at.store.leases.intent(holder, 1)).toEqual({ answer: "UNSEEN" });
  await at.store.upkeep.reconcile(zone, { roster: "roster" in gate ? gate.roster : "" });
  expect(await at.store.leases.intent(holder, 1)).toMatchObject({ answer: "OK" });
});

describe("workers remember each other", () => {
  const w3 = worker("w3");

  /** A change that a worker has claimed, alone in its line. */
  async function claimed(by: typeof w3, endpoint: string) {
    await create({ ...change, endpoint });
    return (await claimOne(at.store, by))!;
  }

  /** Redis has another history and has forgotten w3; `others` have told what they know, and the rest was waited for. */
  async function forget(newcomers: readonly Newcomer[], others: readonly WorkerIdentity[]): Promise<string> {
    const zoneKey = (kind: string) => keyOf(createKeySpace("pm").zone(zone), kind);
    await at.redis.srem(zoneKey("workers"), "w3");
    await at.redis.srem(zoneKey("alive"), "w3");
    await at.redis.del(zoneKey("worker:w3"));
    await at.redis.hset(gate, { id: "another", roster: 2 });
    at.time.now += 1_000;
    await at.store.upkeep.reconcile(zone);
    for (const one of others) await tell(one, [one.name], newcomers);
    at.time.now += 10_000;
    return (await at.store.upkeep.reconcile(zone)).state;
  }

  test("a worker changes nothing before another has written it down", async () => {
    await at.unwatched.leases.register(w3);
    await see(at.unwatched, zone);
    const holder = await claimed(w3, "10.0.0.3:22");
    expect(await at.store.leases.intent(holder, 1)).toEqual({ answer: "UNSEEN" });
    const beat = await at.store.leases.beat(w1, figures);
    expect(beat).toMatchObject({ newcomers: [{ name: "w3" }] });
    // Of whom nobody would know either, that one is no help.
    await at.unwatched.leases.register(worker("w4"));
    await at.store.leases.noted(worker("w4"), ["w3"]);
    expect(await at.store.leases.intent(holder, 1)).toEqual({ answer: "UNSEEN" });
    await at.store.leases.noted(w1, ["w3"]);
    expect(await at.store.leases.intent(holder, 1)).toMatchObject({ answer: "OK" });
    expect(await at.store.leases.beat(w1, figures)).not.toHaveProperty("newcomers");
  });

  test("where there is no other, the first may go on", async () => {
    for (const one of [w1, w2]) await at.store.leases.retire(one);
    await at.unwatched.leases.register(w3);
    await see(at.unwatched, zone);
    expect(await at.store.leases.intent(await claimed(w3, "10.0.0.3:22"), 1)).toMatchObject({ answer: "OK" });
  });

  test("a worker that Redis and all servers have forgotten is waited for", async () => {
    expect(await forget([{ name: "w3", number: 3 }], [w1, w2])).toBe("SHUT");
    at.time.now += 30_000;
    expect(await at.store.upkeep.reconcile(zone)).toMatchObject({ state: "OPENED", closed: ["worker/w3"] });
    await expect(create(change)).rejects.toMatchObject({ metadata: { workers: "w3" } });
    // Its journal tells of another, which nobody has heard of.
    await tell(w1, ["w1", "w3"], [{ name: "w9", number: 4 }]);
    await expect(create(change)).rejects.toMatchObject({ metadata: { workers: "w9" } });
    await tell(w1, ["w1", "w9"]);
    await create(change);
  });

  test("one whose registration is remembered, and one that came since, are not", async () => {
    const newcomers = [
      { name: "w3", number: 2 },
      { name: "w9", number: 2_000_000 },
    ];
    expect(await forget(newcomers, [w1, w2])).toBe("OPENED");
    // Nor does a journal that is told once more, to a zone that is open.
    await tell(w1, ["w1"], [{ name: "w3", number: 3 }]);
    await create(change);
  });
});

test("a server that has just started does not open a zone for which another waits", async () => {
  await at.redis.flushall();
  await at.store.ensureZone(zone);
  expect(await at.store.upkeep.reconcile(zone, remembered)).toMatchObject({ state: "SHUT" });
  at.time.now += 10_000;
  expect(await at.store.upkeep.reconcile(zone)).toMatchObject({ state: "SHUT" });
  at.time.now += 21_000;
  const opened = await at.store.upkeep.reconcile(zone);
  expect(opened).toMatchObject({ state: "OPENED" });
  expect("closed" in opened && [...opened.closed].sort()).toEqual(["worker/w2", "worker/w3"]);
});

test("who was waited for still is when Redis loses data again, also when whoever named them is gone", async () => {
  await at.redis.hset(gate, "id", "another");
  const told = await at.store.upkeep.reconcile(zone, remembered);
  expect(told).toMatchObject({ state: "SHUT", missing: expect.arrayContaining(["w3"]) as string[] });
  // The history being reconciled with is over as well.
  await at.redis.hset(gate, "for", "yet another");
  for (const one of [w1, w2]) await tell(one, [one.name]);
  at.time.now += 10_000;
  expect(await at.store.upkeep.reconcile(zone)).toEqual({ state: "SHUT", missing: ["w3"] });
});

test("a worker that has not told its journal does not retire while it is waited for", async () => {
  const id = await create(change);
  const holder = (await claimOne(at.store, w1))!;
  await at.redis.hset(gate, "id", "another");
  await at.store.upkeep.reconcile(zone);
  // It had passed its point of no return, and that is forgotten.
  await at.store.leases.retire(w1);
  expect((await at.store.jobs.get(id))?.state).toBe("RUNNING");
  await at.store.leases.settle(w1, history, [holder]);
  await tell(w1, ["w1"]);
  await at.store.leases.retire(w1);
  expect((await at.store.jobs.get(id))?.state).toBe("QUEUED");
});

test("what a worker told the history before does not count for this one", async () => {
  await create(change);
  const holder = (await claimOne(at.store, w1))!;
  const { leases, jobs } = at.store;
  await at.redis.hset(gate, "id", "another");
  at.time.now += 1_000;
  await at.store.upkeep.reconcile(zone);
  const before = "another process, another history";
  // Both were sent to a Redis that is no more, and were late.
  await expect(leases.settle(w1, before, [])).rejects.toMatchObject({ reason: "STORE_RECONCILING" });
  for (const one of [w1, w2]) {
    await expect(leases.replayed(one, before, [one.name])).rejects.toMatchObject({ reason: "STORE_RECONCILING" });
  }
  expect((await jobs.get(holder.job))?.state).toBe("RUNNING");
  at.time.now += 10_000;
  const { missing } = (await at.store.upkeep.reconcile(zone)) as { missing: readonly string[] };
  expect([...missing].sort()).toEqual(["w1", "w2"]);
  // It is asked for again.
  const beat = await leases.beat(w1, figures);
  expect(beat).toMatchObject({ toTell: { history } });
  for (const one of [w1, w2]) await tell(one, [one.name]);
  expect(await at.store.upkeep.reconcile(zone)).toMatchObject({ state: "OPENED" });
});

test("a zone stays closed for a journal that was told to the history before", async () => {
  await loseHistory(undefined);
  const lift = (of: string) =>
    createScripts(at.redis, () => at.time.now).run("lift", createKeySpace("pm").zone(zone), "worker/w2", 100, of);
  await lift("another process, another history");
  await expect(create(change)).rejects.toMatchObject({ metadata: { workers: "w2" } });
  await lift(history);
  await create(change);
});
