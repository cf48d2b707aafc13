import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { NewJob } from "../../../src/domain/job.js";
import { claimOne, newJob, succeed, worker } from "../../support/jobs.js";
import { openTestStore, type TestStore } from "../../support/store.js";

/** What random histories found once, shortened, so that it stays found. */
let at: TestStore;

beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());
afterEach(async () => {
  await at.empty();
});

test("a job whose start time has passed already is queued now, not then", async () => {
  const { job } = await at.store.jobs.create(newJob(at.time.now, { startAfterMs: at.time.now - 5_000 }));
  expect(job).toMatchObject({ state: "QUEUED", queueMs: at.time.now });
  expect(await at.store.jobs.get(job.id)).toEqual({ ...job, spec: Buffer.from(job.spec) });
});

test("a device whose parked job goes on during the claim that looked at it is found by the next claim", async () => {
  const { jobs, leases, queues } = at.store;
  const w1 = worker("w1");
  await leases.register(w1);
  const create = async (endpoint: string, part: Partial<NewJob>) => {
    at.time.now += 1;
    return (await jobs.create(newJob(at.time.now, { endpoint, ...part }))).job.id;
  };
  await queues.setLimit("default", "queue/q1", 1);
  await queues.setLimit("default", "label/site", 1);
  await create("z:22", { queue: "q1" });
  const first = (await claimOne(at.store, w1))!;
  // It gets the permit of the queue and will find its site full.
  const between = await create("b:22", { queue: "q1", labels: { site: "a" } });
  await succeed(at.store, first, false);
  const site = await create("y:22", { labels: { site: "a" }, priority: 10 });
  expect((await claimOne(at.store, w1))?.job).toBe(site);
  // At this device the first job is put aside, and the second waits for the permit that the other gives back.
  await create("a:22", { queue: "q2", priority: 5 });
  const freed = await create("a:22", { queue: "q1" });
  await queues.pause({ zone: "default", queue: "q2" }, { caller: "ann", reason: "", timeMs: at.time.now });
  expect((await leases.claim(w1, 2, "both")).claims).toEqual([]);
  expect((await jobs.waiting([(await jobs.get(between))!]))[0]?.reason).toBe("LIMIT");
  expect((await claimOne(at.store, w1))?.job).toBe(freed);
});

test("a job that is being cancelled does not expire: it is cancelled", async () => {
  const w1 = worker("w1");
  await at.store.leases.register(w1);
  const { id } = (await at.store.jobs.create(newJob(at.time.now))).job;
  const holder = (await claimOne(at.store, w1))!;
  await at.store.jobs.cancel(id, { interruptRunning: true, caller: "ann", reason: "" });
  const end = { verdict: "EXPIRED", intendedStep: 0, confirmedStep: 0, keepDevice: true } as const;
  expect(await at.store.leases.finish(holder, end)).toBe("OK");
  expect(await at.store.jobs.get(id)).toMatchObject({ state: "CANCELLED", effect: "NONE" });
});

test("a request id that joined a live job is forgotten when the job is purged, not kept for ever", async () => {
  const dedupe = { key: "k", policy: "JOIN" } as const;
  const idempotency = { scope: "ann", requestId: "second", fingerprint: "f" };
  const { job } = await at.store.jobs.create(newJob(at.time.now, { dedupe }));
  expect(await at.store.jobs.create(newJob(at.time.now, { dedupe, idempotency }))).toMatchObject({ replayed: true });
  await at.store.jobs.cancel(job.id, { interruptRunning: false, caller: "ann", reason: "" });
  at.time.now += 1_000;
  await at.store.upkeep.retain("default", { succeededMs: 0, failedMs: 0, jobs: 0, outputBytes: 0 });
  const [request] = await at.redis.keys("*:request:*");
  expect(await at.redis.pttl(request!)).toBeGreaterThan(6 * 86_400_000);
});

test("a claim that is answered again leaves out what was purged meanwhile", async () => {
  const w1 = worker("w1");
  await at.store.leases.register(w1);
  await at.store.jobs.create(newJob(at.time.now));
  const { claims } = await at.store.leases.claim(w1, 1, "same");
  const { job, fence } = claims[0]!;
  await succeed(at.store, { zone: "default", worker: "w1", job: job.id, endpoint: job.endpoint, fence });
  at.time.now += 1;
  await at.store.upkeep.retain("default", { succeededMs: 0, failedMs: 0, jobs: 0, outputBytes: 0 });
  expect(await at.store.leases.claim(w1, 1, "same")).toEqual({ answer: "OK", claims: [] });
});
