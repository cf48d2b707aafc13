import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type BeatFigures, type Holder } from "../../src/store/store.js";
import { beatOf, bury, claimOne, newJob, succeed, worker } from "../support/jobs.js";
import { openTestStore, type TestStore } from "../support/store.js";

/** Failures that other queues had, by the numbers of docs/reliability.md, where no other test of ours holds them off. */
let at: TestStore;
const w1 = worker("w1");
const w2 = worker("w2");

beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());
afterEach(async () => {
  const problems: unknown[] = [];
  await at.store.fsck.check("default", { repair: false, report: (problem) => problems.push(problem) });
  await at.empty();
  expect(problems).toEqual([]);
});

const create = async (part: Parameters<typeof newJob>[1] = {}) =>
  (await at.store.jobs.create(newJob(at.time.now, part))).job.id;
const endpoint = (n: number): string => `10.0.1.${n}:22`;
const retry = { verdict: "RETRY", intendedStep: 0, confirmedStep: 0, retryInMs: 500, keepDevice: true } as const;

test("T5: a job that ended while a reaper had made up its mind stays ended", async () => {
  await at.store.leases.register(w1);
  await create();
  const holder = (await claimOne(at.store, w1))!;
  const [seen] = await at.store.workers.list();
  expect(await succeed(at.store, holder)).toBe("OK");
  expect(await at.store.upkeep.reap("default", "w1", seen!.beat, 100)).toEqual({ buried: true, left: 0 });
  expect(await at.store.jobs.get(holder.job)).toMatchObject({ state: "SUCCEEDED", attempt: 1 });
});

test("T6: of two reapers that bury one worker, one sends its job round again", async () => {
  await at.store.leases.register(w1);
  const id = await create();
  await claimOne(at.store, w1);
  const beat = await beatOf(at.store, "w1");
  await Promise.all([1, 2].map(() => at.store.upkeep.reap("default", "w1", beat, 100)));
  const { events } = await at.store.jobs.events(id, 1, 100);
  expect(events.map(({ fact }) => (fact.kind === "state" ? fact.state : ""))).toEqual(["QUEUED", "RUNNING", "QUEUED"]);
  await at.store.leases.register(w2);
  expect((await at.store.leases.claim(w2, 10, "all")).claims.map(({ job }) => job.id)).toEqual([id]);
});

test("T9: an end that is told twice, because its answer was lost, is one end", async () => {
  await at.store.leases.register(w1);
  await create();
  const holder = (await claimOne(at.store, w1))!;
  await succeed(at.store, holder);
  const after = await at.dump();
  expect(await succeed(at.store, holder)).toBe("FENCED");
  expect(await at.dump()).toEqual(after);
});

test("T12: a create that is refused leaves its dedupe key and its request id to others", async () => {
  const dedupe = { key: "k", policy: "REJECT" } as const;
  const idempotency = { scope: "ann", requestId: "r", fingerprint: "f" };
  const live = await create({ dedupe });
  const before = await at.dump();
  await expect(create({ dedupe, idempotency })).rejects.toMatchObject({ reason: "DUPLICATE_JOB" });
  await expect(
    create({ retryOf: live, idempotency, dedupe: { key: "other", policy: "REJECT" } }),
  ).rejects.toMatchObject({
    reason: "JOB_NOT_FINAL",
  });
  expect(await at.dump()).toEqual(before);
  await at.store.jobs.cancel(live, { interruptRunning: false, caller: "ann", reason: "" });
  const { replayed } = await at.store.jobs.create(newJob(at.time.now, { dedupe, idempotency }));
  expect(replayed).toBe(false);
});

test("T14: a device that is held, locked, paused or limited keeps no other device waiting", async () => {
  const { leases, devices, queues } = at.store;
  await leases.register(w1);
  const amo = { effectClass: "AT_MOST_ONCE" } as const;
  await create({ ...amo, endpoint: endpoint(1) });
  const doubtful = (await claimOne(at.store, w1))!;
  await leases.finish(doubtful, { verdict: "INDETERMINATE", intendedStep: 1, confirmedStep: 0, keepDevice: true });
  await devices.lock(
    { name: "r2", zone: "default", endpoint: endpoint(2) },
    { owner: "ann", scope: "ALL", reason: "" },
  );
  const pause = { caller: "ann", reason: "", timeMs: at.time.now };
  await queues.pause({ zone: "default", device: "r3", endpoint: endpoint(3) }, pause);
  await queues.pause({ zone: "default", queue: "calm" }, pause);
  for (const n of [1, 2, 3]) await create({ ...amo, endpoint: endpoint(n), priority: 10 });
  for (let n = 4; n < 300; n++) await create({ endpoint: endpoint(n), priority: 10, queue: "calm" });
  const free = await create({ endpoint: endpoint(300) });
  expect((await claimOne(at.store, w1))?.job).toBe(free);
});

test("T15: claims in batches, by two workers at once, never give out a second job of a device", async () => {
  await at.store.leases.register(w1);
  await at.store.leases.register(w2);
  for (let n = 0; n < 60; n++)
    await create({ endpoint: endpoint(n % 6), effectClass: n % 2 ? "READ_ONLY" : "AT_MOST_ONCE" });
  for (let round = 0, left = 60; left > 0; round++) {
    const held = (await Promise.all([w1, w2].map((by) => at.store.leases.claim(by, 4, `${by.name}-${round}`)))).flatMap(
      ({ claims }, i) =>
        claims.map(({ job, fence }): Holder => ({
          zone: "default",
          worker: i ? "w2" : "w1",
          job: job.id,
          endpoint: job.endpoint,
          fence,
        })),
    );
    expect(new Set(held.map((holder) => holder.endpoint)).size).toBe(held.length);
    expect(held.length).toBeGreaterThan(0);
    for (const holder of held) expect(await succeed(at.store, holder, round % 2 === 0)).toBe("OK");
    left -= held.length;
  }
});

test("T16: the order of acceptance in a device survives retries and lost workers", async () => {
  await at.store.leases.register(w1);
  const ids = [await create(), await create(), await create()];
  await at.store.leases.finish((await claimOne(at.store, w1))!, { ...retry, verdict: "REQUEUE" });
  await claimOne(at.store, w1);
  await bury(at.store, "w1");
  await at.store.leases.register(w2);
  await at.store.leases.finish((await claimOne(at.store, w2))!, retry);
  at.time.now += 500;
  await at.store.upkeep.tick("default");
  const order: string[] = [];
  for (let holder = await claimOne(at.store, w2); holder; holder = await claimOne(at.store, w2)) {
    order.push(holder.job);
    await succeed(at.store, holder);
  }
  expect(order).toEqual(ids);
});

test("T17: a cold device is served within the bonus though its node has endless warm work", async () => {
  await at.store.leases.register(w1);
  await create({ endpoint: endpoint(1) });
  await succeed(at.store, (await claimOne(at.store, w1))!);
  const cold = await create({ endpoint: endpoint(2) });
  const since = at.time.now;
  for (;;) {
    at.time.now += 100;
    await create({ endpoint: endpoint(1) });
    const holder = (await claimOne(at.store, w1))!;
    if (holder.job === cold) break;
    await succeed(at.store, holder);
    expect(at.time.now - since).toBeLessThan(3_000);
  }
});

test("T20: delayed jobs start on their minute, for three days, with no other traffic", async () => {
  await at.store.leases.register(w1);
  const start = at.time.now;
  const hours = 72;
  for (let hour = 1; hour <= hours; hour++) {
    await create({ startAfterMs: start + hour * 3_600_000, queueTimeoutMs: 1_000, endpoint: endpoint(hour) });
  }
  for (let hour = 1; hour <= hours; hour++) {
    at.time.now = start + hour * 3_600_000 - 1;
    await at.store.upkeep.tick("default");
    expect(await claimOne(at.store, w1)).toBeUndefined();
    at.time.now += 1;
    await at.store.upkeep.tick("default");
    await succeed(at.store, (await claimOne(at.store, w1))!, false);
  }
  expect((await at.store.jobs.count({})).get("SUCCEEDED")).toBe(hours);
});

test("T24: a cancel whose hint was lost is told with every beat until the job ends", async () => {
  await at.store.leases.register(w1);
  await create();
  const holder = (await claimOne(at.store, w1))!;
  await at.store.jobs.cancel(holder.job, { interruptRunning: true, caller: "ann", reason: "" });
  const figures: BeatFigures = { running: 1, sessions: 1, closing: false, draining: false, succeeded: 0, failed: 0 };
  for (let beat = 0; beat < 3; beat++) {
    expect(await at.store.leases.beat(w1, figures)).toMatchObject({ answer: "OK", cancels: [holder.job] });
  }
  await succeed(at.store, holder);
  expect(await at.store.leases.beat(w1, figures)).toMatchObject({ answer: "OK", cancels: [] });
});

test("T29: pages neither skip nor repeat a job that is there all along, while others come and go", async () => {
  const stay: string[] = [];
  const go: string[] = [];
  for (let n = 0; n < 120; n++) {
    at.time.now += 1;
    (n % 3 === 0 ? go : stay).push(await create({ endpoint: endpoint(n) }));
  }
  for (const id of go) await at.store.jobs.cancel(id, { interruptRunning: false, caller: "ann", reason: "" });
  at.time.now += 1_000;
  const seen: string[] = [];
  for (let before: string | undefined, more = true; more;) {
    const page = await at.store.jobs.list({}, { limit: 7, ...(before === undefined ? {} : { before }) });
    seen.push(...page.jobs.map(({ id }) => id));
    before = page.next;
    more = before !== undefined;
    await create({ endpoint: endpoint(200) });
    await at.store.upkeep.retain("default", { succeededMs: 0, failedMs: 0, jobs: 1_000, outputBytes: 0 });
  }
  expect(seen.filter((id) => stay.includes(id))).toEqual(stay.reverse());
});

test("T37: scripts that Redis has forgotten are given to it again, also when many calls are under way", async () => {
  await at.store.leases.register(w1);
  await at.redis.script("FLUSH");
  const made = await at.store.jobs.createMany(
    Array.from({ length: 20 }, (_, n) => newJob(at.time.now, { endpoint: endpoint(n) })),
  );
  expect(made.every((one) => "job" in one && !one.replayed)).toBe(true);
  await at.redis.script("FLUSH");
  expect((await at.store.leases.claim(w1, 20, "all")).claims).toHaveLength(20);
});

test("T39: retention does a bounded step a call, however much there is to do", async () => {
  for (let n = 0; n < 200; n++) {
    await at.store.jobs.cancel(await create({ endpoint: endpoint(n) }), {
      interruptRunning: false,
      caller: "a",
      reason: "",
    });
  }
  at.time.now += 1_000;
  const rule = { succeededMs: 0, failedMs: 0, jobs: 1_000, outputBytes: 0 };
  const steps: number[] = [];
  for (let worked = 1; worked > 0;) steps.push((worked = await at.store.upkeep.retain("default", rule)));
  expect(Math.max(...steps)).toBeLessThanOrEqual(50);
  expect(steps.reduce((sum, step) => sum + step, 0)).toBe(200);
});

test("T44: work of a zone that a worker does not serve is neither taken nor touched by it", async () => {
  await at.store.leases.register(w1);
  const number = await at.store.ensureZone("north");
  const { job } = await at.store.jobs.create({
    ...newJob(at.time.now),
    id: newJob(at.time.now).id.slice(0, 24) + `0${number}`,
    zone: "north",
  });
  expect(await claimOne(at.store, w1)).toBeUndefined();
  await bury(at.store, "w1");
  expect((await at.store.jobs.get(job.id))?.state).toBe("QUEUED");
});
