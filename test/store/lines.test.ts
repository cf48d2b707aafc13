import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { claimOne, newJob, succeed, worker } from "../support/jobs.js";
import { openTestStore, type TestStore } from "../support/store.js";

let at: TestStore;
const w1 = worker("w1");
const w2 = worker("w2");

beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());
afterEach(async () => {
  await at.empty();
});

async function registerBoth(): Promise<void> {
  await at.store.leases.register(w1);
  await at.store.leases.register(w2);
}

describe("one holder at a time", () => {
  test("the second job of a device waits for the first, and says behind whom", async () => {
    await registerBoth();
    const first = (await at.store.jobs.create(newJob(at.time.now))).job;
    const second = (await at.store.jobs.create(newJob(at.time.now))).job;
    const holder = await claimOne(at.store, w1);
    expect(holder?.job).toBe(first.id);
    expect(await claimOne(at.store, w2)).toBeUndefined();
    expect(await claimOne(at.store, w1)).toBeUndefined();
    expect(await at.store.jobs.waiting([second])).toEqual([
      { reason: "DEVICE_BUSY", blockingJob: first.id, position: 1 },
    ]);
    await succeed(at.store, holder!);
    expect((await claimOne(at.store, w1))?.job).toBe(second.id);
  });

  test("names do not matter: two jobs with one endpoint share its line", async () => {
    await registerBoth();
    await at.store.jobs.create(newJob(at.time.now, { device: "a" }));
    const { device: _, ...inline } = newJob(at.time.now);
    await at.store.jobs.create(inline);
    expect(await claimOne(at.store, w1)).toBeDefined();
    expect(await claimOne(at.store, w2)).toBeUndefined();
  });

  test("a claim whose answer was lost is answered again, with the same jobs and fences", async () => {
    await registerBoth();
    for (let i = 0; i < 3; i++) await at.store.jobs.create(newJob(at.time.now, { endpoint: `10.0.0.${i}:22` }));
    const once = await at.store.leases.claim(w1, 2, "same");
    const again = await at.store.leases.claim(w1, 2, "same");
    expect(once.claims).toHaveLength(2);
    expect(again.claims.map(({ job, fence }) => [job.id, fence])).toEqual(
      once.claims.map(({ job, fence }) => [job.id, fence]),
    );
    expect(await at.redis.zcard("{pm:default}:ready")).toBe(1);
  });
});

describe("order", () => {
  test("inside a device the line goes by acceptance time less a minute for each point of priority", async () => {
    await registerBoth();
    const start = at.time.now;
    const old = (await at.store.jobs.create(newJob(start))).job.id;
    at.time.now = start + 30_000;
    const urgent = (await at.store.jobs.create(newJob(start, { priority: 1 }))).job.id;
    at.time.now = start + 90_000;
    const late = (await at.store.jobs.create(newJob(start, { priority: 1, effectClass: "AT_MOST_ONCE" }))).job.id;
    const order: string[] = [];
    for (let holder = await claimOne(at.store, w1); holder; holder = await claimOne(at.store, w1)) {
      order.push(holder.job);
      await succeed(at.store, holder);
    }
    expect(order).toEqual([urgent, old, late]);
  });

  test("a warm session wins, unless a cold device has waited longer than the bonus", async () => {
    await registerBoth();
    await at.store.jobs.create(newJob(at.time.now));
    const warm = (await claimOne(at.store, w1))!;
    const cold = (await at.store.jobs.create(newJob(at.time.now, { endpoint: "10.0.0.2:22" }))).job.id;
    at.time.now += 1_000;
    const next = (await at.store.jobs.create(newJob(at.time.now))).job.id;
    await succeed(at.store, warm);
    expect((await claimOne(at.store, w1))?.job).toBe(next);
    expect((await claimOne(at.store, w1))?.job).toBe(cold);

    await at.empty();
    await registerBoth();
    await at.store.jobs.create(newJob(at.time.now));
    const again = (await claimOne(at.store, w1))!;
    const older = (await at.store.jobs.create(newJob(at.time.now, { endpoint: "10.0.0.2:22" }))).job.id;
    at.time.now += 3_000;
    await at.store.jobs.create(newJob(at.time.now));
    await succeed(at.store, again);
    expect((await claimOne(at.store, w1))?.job).toBe(older);
  });

  test("one device with a long line does not keep another device waiting", async () => {
    await registerBoth();
    await at.store.jobs.createMany(Array.from({ length: 500 }, () => newJob(at.time.now)));
    const lone = (await at.store.jobs.create(newJob(at.time.now, { endpoint: "10.0.0.9:22" }))).job.id;
    const { claims } = await at.store.leases.claim(w1, 10, "all");
    expect(claims).toHaveLength(2);
    expect(claims.map(({ job }) => job.id)).toContain(lone);
  });
});

describe("waiting and time", () => {
  test("a job with a start time waits for it, without a worker looking", async () => {
    await registerBoth();
    const soon = newJob(at.time.now, { startAfterMs: at.time.now + 5_000 });
    const { job } = await at.store.jobs.create(soon);
    expect(job.state).toBe("DELAYED");
    expect(await at.store.jobs.waiting([job])).toEqual([{ reason: "START_TIME", position: 0 }]);
    expect((await at.store.upkeep.tick("default")).nextMs).toBe(1_000);
    at.time.now += 4_990;
    expect((await at.store.upkeep.tick("default")).nextMs).toBe(10);
    expect(await claimOne(at.store, w1)).toBeUndefined();
    at.time.now += 10;
    await at.store.upkeep.tick("default");
    expect((await claimOne(at.store, w1))?.job).toBe(job.id);
  });

  test("a job that nobody took in time is EXPIRED, stays readable and says why", async () => {
    const { job } = await at.store.jobs.create(newJob(at.time.now, { queueTimeoutMs: 1_000 }));
    expect(await at.store.jobs.waiting([job])).toEqual([{ reason: "NO_WORKER", position: 1 }]);
    at.time.now += 1_000;
    await at.store.upkeep.tick("default");
    const after = await at.store.jobs.get(job.id);
    expect(after).toMatchObject({ state: "EXPIRED", effect: "NONE", error: { reason: "QUEUE_TIMEOUT" } });
    await registerBoth();
    expect(await claimOne(at.store, w1)).toBeUndefined();
  });

  test("a retry waits its pause while later jobs of the device pass, and keeps its place behind it", async () => {
    await registerBoth();
    const first = (await at.store.jobs.create(newJob(at.time.now))).job.id;
    const second = (await at.store.jobs.create(newJob(at.time.now + 1))).job.id;
    at.time.now += 10;
    const third = (await at.store.jobs.create(newJob(at.time.now))).job.id;
    const error = { reason: "DISCONNECTED", message: "gone" };
    const end = {
      verdict: "RETRY",
      error,
      intendedStep: 0,
      confirmedStep: 0,
      retryInMs: 500,
      keepDevice: true,
    } as const;
    expect(await at.store.leases.finish((await claimOne(at.store, w1))!, end)).toBe("OK");
    expect(await at.store.jobs.get(first)).toMatchObject({ state: "DELAYED", attempts: [{ number: 1, error }] });
    const passing = (await claimOne(at.store, w1))!;
    expect(passing.job).toBe(second);
    at.time.now += 500;
    await at.store.upkeep.tick("default");
    await succeed(at.store, passing);
    expect((await claimOne(at.store, w1))?.job).toBe(first);
    expect((await at.store.jobs.get(third))?.state).toBe("QUEUED");
  });

  test("a pause before another attempt is no part of the queue timeout: a job does not expire while it cannot start", async () => {
    await registerBoth();
    const { job } = await at.store.jobs.create(newJob(at.time.now, { queueTimeoutMs: 1_000 }));
    const error = { reason: "DISCONNECTED", message: "gone" };
    const again = { verdict: "RETRY", error, intendedStep: 0, confirmedStep: 0, retryInMs: 60_000 } as const;
    await at.store.leases.finish((await claimOne(at.store, w1))!, { ...again, keepDevice: false });
    at.time.now += 60_000;
    await at.store.upkeep.tick("default");
    expect(await at.store.jobs.get(job.id)).toMatchObject({ state: "QUEUED", expireMs: at.time.now + 1_000 });
    at.time.now += 1_000;
    await at.store.upkeep.tick("default");
    expect((await at.store.jobs.get(job.id))?.state).toBe("EXPIRED");
  });

  test("work that its device's owner leaves lying goes to another worker after five seconds", async () => {
    await registerBoth();
    await at.store.jobs.create(newJob(at.time.now));
    await succeed(at.store, (await claimOne(at.store, w1))!);
    const left = (await at.store.jobs.create(newJob(at.time.now))).job.id;
    expect(await claimOne(at.store, w2)).toBeUndefined();
    at.time.now += 4_999;
    await at.store.upkeep.tick("default");
    expect(await claimOne(at.store, w2)).toBeUndefined();
    at.time.now += 1;
    await at.store.upkeep.tick("default");
    expect((await claimOne(at.store, w2))?.job).toBe(left);
  });

  test("an owner that takes nothing new hands its waiting devices on with its next beat, and later ones at once", async () => {
    await registerBoth();
    await at.store.jobs.create(newJob(at.time.now));
    await at.store.jobs.create(newJob(at.time.now, { endpoint: "10.0.0.2:22" }));
    for (let i = 0; i < 2; i++) await succeed(at.store, (await claimOne(at.store, w1))!);
    const before = (await at.store.jobs.create(newJob(at.time.now))).job.id;
    const full = { running: 10, sessions: 2, closing: true, draining: false, succeeded: 0, failed: 0 };
    expect(await at.store.leases.beat(w1, full)).toMatchObject({ answer: "OK", cancels: [] });
    expect((await claimOne(at.store, w2))?.job).toBe(before);
    const after = (await at.store.jobs.create(newJob(at.time.now, { endpoint: "10.0.0.2:22" }))).job.id;
    expect((await claimOne(at.store, w2))?.job).toBe(after);
  });
});
