import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { NewJob } from "../../src/domain/job.js";
import { claimOne, newJob, worker } from "../support/jobs.js";
import { openTestStore, type TestStore } from "../support/store.js";

let at: TestStore;
const w1 = worker("w1");

beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());
beforeEach(async () => {
  await at.store.ensureZone("default");
  await at.store.leases.register(w1);
});
afterEach(() => at.empty());

async function create(part: Partial<NewJob> = {}): Promise<string> {
  return (await at.store.jobs.create(newJob(at.time.now, part))).job.id;
}

describe("leases at their edges", () => {
  const on = (n: number): Partial<NewJob> => ({ endpoint: `10.0.7.${n}:22`, device: `y${n}`, address: `10.0.7.${n}` });

  test("thousands of facts are written whole, in one part and with the end", async () => {
    const id = await create();
    const holder = (await claimOne(at.store, w1))!;
    const facts = Array.from(
      { length: 9_000 },
      (_, offset) => ({ kind: "output", command: 1, offset, length: 1 }) as const,
    );
    const output = Buffer.alloc(9_000, "x");
    expect(await at.store.leases.append(holder, { number: 1, facts, output })).toBe("OK");
    const end = { verdict: "SUCCEEDED", effect: "NONE", intendedStep: 1, confirmedStep: 1, keepDevice: true } as const;
    expect(await at.store.leases.finish(holder, { ...end, rest: { facts, output } })).toBe("OK");
    const job = (await at.store.jobs.get(id))!;
    expect(job).toMatchObject({ state: "SUCCEEDED", lastEvent: 18_003, outputBytes: 18_000 });
    expect((await at.store.jobs.events(id, 18_003, 1)).events).toMatchObject([{ number: 18_003 }]);
  });

  test("a worker that was full gets work again as soon as it asks, without waiting for its next beat", async () => {
    const full = { running: 10, sessions: 1, closing: true, draining: false, succeeded: 0, failed: 0 };
    await at.store.leases.beat(w1, full);
    const id = await create();
    expect((await claimOne(at.store, w1))?.job).toBe(id);
    await at.store.leases.beat(w1, { ...full, draining: true });
    await create(on(1));
    expect(await claimOne(at.store, w1)).toBeUndefined();
  });

  test("a worker that is dead or has gone runs nothing and has no sessions, whatever it said last", async () => {
    const busy = { running: 10, sessions: 7, closing: true, draining: false, succeeded: 4, failed: 2 };
    await at.store.leases.register(worker("w2"));
    for (const name of ["w1", "w2"]) await at.store.leases.beat(worker(name), busy);
    await at.store.leases.retire(w1);
    const beat = (await at.store.workers.list()).find(({ name }) => name === "w2")!.beat;
    await at.store.upkeep.reap("default", "w2", beat, 100);
    const gone = { state: "dead", running: 0, sessions: 0, succeeded: 4, failed: 2 };
    expect(await at.store.workers.list()).toMatchObject([gone, gone]);
  });

  test("something in the list of what expires that has no job stands in nobody's way", async () => {
    await at.redis.zadd("{pm:default}:expire", 1, "0".repeat(26));
    await at.redis.zadd("{pm:default}:delayed", 1, "1".repeat(26));
    const { job } = await at.store.jobs.create(newJob(at.time.now, { queueTimeoutMs: 1_000 }));
    at.time.now += 1_000;
    await at.store.upkeep.tick("default");
    expect((await at.store.jobs.get(job.id))?.state).toBe("EXPIRED");
    expect(await at.redis.zcard("{pm:default}:expire")).toBe(0);
  });

  test("something in a line that has no job any more, or half of one, stands in nobody's way", async () => {
    const [gone, half, behind, beside] = [await create(), await create(), await create(), await create(on(2))];
    await at.redis.del(`{pm:default}:job:${gone}`);
    await at.redis.hdel(`{pm:default}:job:${half}`, "n");
    const { claims } = await at.store.leases.claim(w1, 10, "past them");
    expect(claims.map(({ job }) => job.id).sort()).toEqual([behind, beside].sort());
  });

  test.each(["cls", "sc", "ex", "def"])("half a job, without its %s, keeps no other from its time", async (field) => {
    const { jobs, upkeep, queues } = at.store;
    const pause = { caller: "ann", reason: "", timeMs: 1 };
    await queues.pause({ zone: "default", queue: "calm" }, pause);
    const made = async () => [
      await create({ queueTimeoutMs: 1_000 }),
      await create({ startAfterMs: at.time.now + 1_000 }),
      await create({ queue: "calm" }),
    ];
    for (const id of await made()) await at.redis.hdel(`{pm:default}:job:${id}`, field);
    const whole = await made();
    at.time.now += 1_000;
    await queues.pause({ zone: "default", queue: "calm" }, undefined);
    await upkeep.tick("default");
    expect((await jobs.getMany(whole)).map((job) => job?.state)).toEqual(["EXPIRED", "QUEUED", "QUEUED"]);
    const { claims } = await at.store.leases.claim(w1, 1, field);
    expect(whole.slice(1)).toContain(claims[0]?.job.id);
  });

  test("a read that goes back to its line gets its queue timeout again; a change does not", async () => {
    for (const [effectClass, state] of [
      ["READ_ONLY", "QUEUED"],
      ["AT_MOST_ONCE", "EXPIRED"],
    ] as const) {
      const id = await create({ ...on(effectClass.length), effectClass, queueTimeoutMs: 5_000 });
      const holder = (await claimOne(at.store, w1))!;
      at.time.now += 10_000;
      const end = { verdict: "REQUEUE", intendedStep: 0, confirmedStep: 0, keepDevice: false } as const;
      await at.store.leases.finish(holder, end);
      await at.store.upkeep.tick("default");
      expect((await at.store.jobs.get(id))?.state).toBe(state);
      await at.empty();
      await at.store.leases.register(w1);
    }
  });

  test("idempotent work that was cut while it was being cancelled does not claim that nothing was sent", async () => {
    const id = await create({ effectClass: "IDEMPOTENT" });
    const holder = (await claimOne(at.store, w1))!;
    await at.store.leases.append(holder, { number: 1, facts: [], output: Buffer.alloc(0), intendedStep: 1 });
    await at.store.jobs.cancel(id, { interruptRunning: true, caller: "ann", reason: "" });
    await at.store.leases.retire(w1);
    expect(await at.store.jobs.get(id)).toMatchObject({ state: "FAILED", effect: "PARTIAL" });
  });
});
