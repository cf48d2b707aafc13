import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { NewJob } from "../../src/domain/job.js";
import type { JobQuery } from "../../src/store/store.js";
import { claimOne, newJob, succeed, worker } from "../support/jobs.js";
import { openTestStore, type TestStore } from "../support/store.js";

let at: TestStore;
const w1 = worker("w1");
const place = { name: "r1", zone: "default", endpoint: "10.0.0.1:22" };
const change = { effectClass: "AT_MOST_ONCE" } as const;

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

async function waitingOf(id: string) {
  const job = await at.store.jobs.get(id);
  return (await at.store.jobs.waiting([job!]))[0];
}

const reasonOf = async (id: string) => (await waitingOf(id))?.reason;
const positionOf = async (id: string) => (await waitingOf(id))?.position;

/** Claims and ends jobs until there is nothing to claim; gives their ids in order. */
async function drain(): Promise<string[]> {
  const done: string[] = [];
  for (let holder = await claimOne(at.store, w1); holder; holder = await claimOne(at.store, w1)) {
    done.push(holder.job);
    await succeed(at.store, holder);
  }
  return done;
}

describe("locks", () => {
  const lock = { owner: "ann", scope: "CHANGES", reason: "replacing a fan" } as const;

  test("a lock of scope CHANGES keeps others' changes waiting; reads, and the owner's own changes, pass", async () => {
    const theirs = await create({ ...change, creator: "bob" });
    const hers = await create({ ...change, creator: "ann" });
    await at.store.devices.lock(place, lock);
    const later = await create({ ...change, creator: "ann" });
    const read = await create({ creator: "bob" });
    expect(await Promise.all([hers, later, read].map(positionOf))).toEqual([1, 2, 3]);
    expect(await drain()).toEqual([hers, later, read]);
    expect(await reasonOf(theirs)).toBe("LOCKED");
    await at.store.devices.unlock(place, "ann", false);
    expect(await drain()).toEqual([theirs]);
  });

  test("a lock of scope ALL also keeps others' reads waiting, and runs out by itself", async () => {
    await at.store.devices.lock(place, { ...lock, scope: "ALL", forMs: 60_000 });
    const read = await create({ creator: "bob" });
    expect(await drain()).toEqual([]);
    expect(await reasonOf(read)).toBe("LOCKED");
    expect((await at.store.devices.status("default", place.endpoint)).lock).toMatchObject({
      owner: "ann",
      expireMs: at.time.now + 60_000,
    });
    at.time.now += 60_000;
    await at.store.upkeep.tick("default");
    expect(await drain()).toEqual([read]);
    expect((await at.store.devices.status("default", place.endpoint)).lock).toBeUndefined();
  });

  test("only its owner changes or takes away a lock, unless forced; a hold is not passed by it", async () => {
    await at.store.devices.lock(place, lock);
    const byBob = at.store.devices.lock(place, { ...lock, owner: "bob" });
    await expect(byBob).rejects.toMatchObject({ reason: "DEVICE_LOCKED", metadata: { owner: "ann" } });
    await expect(at.store.devices.unlock(place, "bob", false)).rejects.toMatchObject({ reason: "DEVICE_LOCKED" });
    await at.store.devices.unlock(place, "bob", true);
    await expect(at.store.devices.unlock(place, "bob", true)).rejects.toMatchObject({ reason: "DEVICE_NOT_LOCKED" });

    await create({ ...change, creator: "ann" });
    const doubt = (await claimOne(at.store, w1))!;
    await at.store.leases.intent(doubt, 1);
    const end = { verdict: "INDETERMINATE", intendedStep: 1, confirmedStep: 0, keepDevice: true } as const;
    await at.store.leases.finish(doubt, end);
    await at.store.devices.lock(place, lock);
    const hers = await create({ ...change, creator: "ann" });
    expect(await drain()).toEqual([]);
    expect(await reasonOf(hers)).toBe("HELD");
  });
});

describe("pauses", () => {
  const pause = { caller: "ann", reason: "maintenance", timeMs: 1 };

  test("a device's paused line starts nothing, and goes on where it was", async () => {
    const first = await create();
    await at.store.queues.pause({ zone: "default", device: "r1", endpoint: place.endpoint }, pause);
    const second = await create(change);
    expect(await drain()).toEqual([]);
    expect(await waitingOf(first)).toEqual({ reason: "PAUSED", position: 1 });
    const line = await at.store.queues.get({ zone: "default", device: "r1", endpoint: place.endpoint });
    expect(line).toMatchObject({ name: "device/r1", waiting: 2, running: 0, paused: pause });
    await at.store.queues.pause({ zone: "default", device: "r1", endpoint: place.endpoint }, undefined);
    expect(await drain()).toEqual([first, second]);
  });

  test("a device's line counts what waits aside as well, and knows the oldest whatever its priority", async () => {
    const oldest = at.time.now;
    await create({ queue: "nightly", startAfterMs: at.time.now + 60_000 });
    const line = () => at.store.queues.get({ zone: "default", device: "r1", endpoint: place.endpoint });
    expect(await line()).toMatchObject({ waiting: 1, oldestMs: oldest });
    at.time.now += 1_000;
    await create({ priority: -1 });
    at.time.now += 1_000;
    await create({ priority: 1 });
    expect(await line()).toMatchObject({ waiting: 3, oldestMs: oldest });
    await at.store.jobs.cancel((await at.store.jobs.list({ states: ["DELAYED"] }, { limit: 1 })).jobs[0]!.id, {
      ...{ interruptRunning: false, caller: "ann", reason: "" },
    });
    expect(await line()).toMatchObject({ waiting: 2, oldestMs: oldest + 1_000 });
  });

  test("a paused named queue keeps its jobs from starting on every device, and nobody else's", async () => {
    const before = await create({ queue: "nightly" });
    await at.store.queues.pause({ zone: "default", queue: "nightly" }, pause);
    const after = await create({ queue: "nightly", endpoint: "10.0.0.2:22" });
    const other = await create();
    expect(await drain()).toEqual([other]);
    await expect(waitingOf(before)).resolves.toMatchObject({ reason: "PAUSED", limit: "queue/nightly" });
    await expect(waitingOf(after)).resolves.toMatchObject({ reason: "PAUSED", limit: "queue/nightly" });
    expect(await at.store.queues.get({ zone: "default", queue: "nightly" })).toMatchObject({ waiting: 2, running: 0 });
    await at.store.queues.pause({ zone: "default", queue: "nightly" }, undefined);
    expect((await drain()).sort()).toEqual([before, after].sort());
  });
});

describe("limits", () => {
  const on = (n: number): Partial<NewJob> => ({ endpoint: `10.0.1.${n}:22`, device: `x${n}` });

  test.each([
    ["a queue", "queue/bulk", { queue: "bulk" }],
    ["a caller", "caller/ann", { creator: "ann" }],
    ["a label's value", "label/site", { labels: { site: "fra" } }],
  ])(
    "of %s: never more run, a freed permit starts the one that waits longest, and none leaks",
    async (_, name, part) => {
      await at.store.queues.setLimit("default", name, 2);
      const ids: string[] = [];
      for (let n = 0; n < 5; n++) ids.push(await create({ ...on(n), ...part }));
      const free = await create({ ...on(9), labels: { site: "ams" } });
      const { claims } = await at.store.leases.claim(w1, 10, "all");
      expect(claims.map(({ job }) => job.id).sort()).toEqual([...ids.slice(0, 2), free].sort());
      expect(await reasonOf(ids[2]!)).toBe("LIMIT");
      const holders = claims.map(({ job, fence }) => ({
        ...{ zone: "default", worker: "w1", job: job.id, endpoint: job.endpoint, fence },
      }));
      await succeed(
        at.store,
        holders.find(({ job }) => job === ids[0])!,
      );
      const next = (await claimOne(at.store, w1))!;
      expect(next.job).toBe(ids[2]);
      expect(await claimOne(at.store, w1)).toBeUndefined();
      await at.store.jobs.cancel(ids[3]!, { interruptRunning: false, caller: "ann", reason: "" });
      await succeed(at.store, next);
      expect((await claimOne(at.store, w1))?.job).toBe(ids[4]);
      await at.store.leases.retire(w1);
      expect(await at.redis.keys("*permits*")).toEqual([]);
    },
  );

  test("a limit that is raised or lifted lets those go on that wait for it", async () => {
    await at.store.queues.setLimit("default", "queue/bulk", 1);
    for (let n = 0; n < 4; n++) await create({ ...on(n), queue: "bulk" });
    const claim = async (): Promise<number> =>
      (await at.store.leases.claim(w1, 10, Math.random().toString())).claims.length;
    expect(await claim()).toBe(1);
    await at.store.queues.setLimit("default", "queue/bulk", 3);
    expect(await claim()).toBe(2);
    await at.store.queues.setLimit("default", "queue/bulk", undefined);
    expect(await claim()).toBe(1);
  });

  test("a job that was not to wait fails at once, and says what was in its way", async () => {
    await at.store.devices.lock(place, { owner: "ann", scope: "ALL", reason: "mine" });
    const { job } = await at.store.jobs.create(newJob(at.time.now, { failIfBlocked: true }));
    expect(job).toMatchObject({ state: "FAILED", effect: "NONE", error: { reason: "DEVICE_LOCKED" } });
    expect(job.error).toMatchObject({
      message: expect.stringContaining("by ann") as string,
      metadata: { owner: "ann" },
    });
    await at.store.queues.setLimit("default", "queue/bulk", 1);
    await create({ ...on(1), queue: "bulk" });
    await claimOne(at.store, w1);
    const full = await at.store.jobs.create(newJob(at.time.now, { ...on(2), queue: "bulk", failIfBlocked: true }));
    expect(full.job).toMatchObject({ state: "FAILED", error: { reason: "LIMIT_REACHED" } });
    expect(full.job.error!.metadata).toEqual({ limit: "queue/bulk" });
  });

  test("a permit is not kept by a job that cannot start while others could", async () => {
    await at.store.queues.setLimit("default", "queue/bulk", 1);
    await create({ ...on(1), queue: "bulk" });
    const first = (await claimOne(at.store, w1))!;
    const stuck = await create({ ...on(2), queue: "bulk" });
    const next = await create({ ...on(3), queue: "bulk" });
    const pause = { caller: "ann", reason: "", timeMs: 1 };
    await at.store.queues.pause({ zone: "default", device: "x2", endpoint: "10.0.1.2:22" }, pause);
    await succeed(at.store, first);
    const passing = (await claimOne(at.store, w1))!;
    expect(passing.job).toBe(next);
    await succeed(at.store, passing);
    await at.store.queues.pause({ zone: "default", device: "x2", endpoint: "10.0.1.2:22" }, undefined);
    expect((await claimOne(at.store, w1))?.job).toBe(stuck);
  });

  test("a permit comes back from a job whose device was closed after it got it", async () => {
    await at.store.queues.setLimit("default", "queue/bulk", 1);
    await create({ ...on(1), queue: "bulk" });
    const first = (await claimOne(at.store, w1))!;
    await create({ ...on(2), queue: "bulk" });
    const other = await create({ ...on(3), queue: "bulk" });
    await succeed(at.store, first);
    const pause = { caller: "ann", reason: "", timeMs: 1 };
    await at.store.queues.pause({ zone: "default", device: "x2", endpoint: "10.0.1.2:22" }, pause);
    await at.store.upkeep.tick("default");
    expect((await claimOne(at.store, w1))?.job).toBe(other);
  });
});

describe("dedupe keys", () => {
  const key = (policy: "REJECT" | "JOIN" | "REPLACE") => ({ dedupe: { key: "nightly-backup", policy } });

  test("REJECT refuses a second one while the first is live, and not after", async () => {
    const first = await create(key("REJECT"));
    await expect(create(key("REJECT"))).rejects.toMatchObject({
      ...{ reason: "DUPLICATE_JOB", message: expect.stringContaining(first) as string, metadata: { job: first } },
    });
    await drain();
    expect(await create(key("REJECT"))).not.toBe(first);
  });

  test("JOIN answers with the live one; REPLACE takes the place of one that waits, and waits behind one that runs", async () => {
    const first = await create(key("JOIN"));
    expect(await create(key("JOIN"))).toBe(first);
    const second = await create(key("REPLACE"));
    expect((await at.store.jobs.get(first))?.state).toBe("CANCELLED");
    const running = (await claimOne(at.store, w1))!;
    expect(running.job).toBe(second);
    const third = await create(key("REPLACE"));
    expect((await at.store.jobs.get(second))?.state).toBe("RUNNING");
    await succeed(at.store, running);
    expect(await create(key("JOIN"))).toBe(third);
    expect(await drain()).toEqual([third]);
  });
});

describe("what has ended", () => {
  test("a retry is a new job, linked both ways; what has not ended cannot be retried or deleted", async () => {
    const first = await create();
    await expect(create({ retryOf: first })).rejects.toMatchObject({ reason: "JOB_NOT_FINAL" });
    await expect(at.store.jobs.mark(first, true)).rejects.toMatchObject({ reason: "JOB_NOT_FINAL" });
    await drain();
    const second = await create({ retryOf: first });
    expect(await at.store.jobs.get(first)).toMatchObject({ retriedBy: second });
    expect(await at.store.jobs.get(second)).toMatchObject({ retryOf: first });
  });

  test("a deleted job stays readable and leaves lists and counts; the mark can be taken away", async () => {
    const id = await create();
    await drain();
    const seen = async (deleted: boolean) => [
      (await at.store.jobs.list({ deleted }, { limit: 10 })).jobs.map((job) => job.id),
      (await at.store.jobs.count({ deleted })).get("SUCCEEDED"),
      (await at.store.jobs.count({ deleted, creators: ["test"] })).get("SUCCEEDED"),
    ];
    for (let twice = 0; twice < 2; twice++) {
      expect((await at.store.jobs.mark(id, true)).deleteMs).toBe(at.time.now);
      expect(await seen(false)).toEqual([[], undefined, undefined]);
      expect(await seen(true)).toEqual([[id], 1, 1]);
    }
    expect((await at.store.jobs.mark(id, false)).deleteMs).toBeUndefined();
    expect(await seen(false)).toEqual([[id], 1, 1]);
  });

  test("retention purges by age and number, good ends first, never what is live or unresolved, and leaves nothing behind", async () => {
    const rule = { succeededMs: 1_000, failedMs: 5_000, jobs: 100, outputBytes: 1_000 };
    const doubt = await create({ ...change, endpoint: "10.0.2.1:22" });
    const held = (await claimOne(at.store, w1))!;
    await at.store.leases.intent(held, 1);
    const unknown = { verdict: "INDETERMINATE", intendedStep: 1, confirmedStep: 0, keepDevice: false } as const;
    await at.store.leases.finish(held, unknown);
    await create({ idempotency: { scope: "s", requestId: "r", fingerprint: "f" } });
    await drain();
    const bad = await create();
    const failed = (await claimOne(at.store, w1))!;
    const error = { reason: "DEVICE_REJECTED", message: "no" };
    const end = {
      verdict: "FAILED",
      error,
      effect: "NONE",
      intendedStep: 1,
      confirmedStep: 1,
      keepDevice: true,
    } as const;
    await at.store.leases.finish(failed, end);
    const live = await create();

    at.time.now += 1_000;
    expect(await at.store.upkeep.retain("default", rule)).toBe(1);
    expect((await at.store.jobs.list({}, { limit: 10 })).jobs.map(({ id }) => id)).toEqual(
      [live, bad, doubt].sort().reverse(),
    );
    expect(await at.redis.pttl((await at.redis.keys("*:request:*"))[0]!)).toBeGreaterThan(6 * 86_400_000);
    at.time.now += 1_000_000;
    expect(await at.store.upkeep.retain("default", rule)).toBe(1);
    expect((await at.store.jobs.list({}, { limit: 10 })).jobs.map(({ id }) => id).sort()).toEqual([live, doubt].sort());
    await at.store.jobs.resolve(doubt, { kind: "APPLIED", resolver: "ann", reason: "seen" });
    await at.store.jobs.mark(doubt, true);
    at.time.now += 1_000_000;
    await at.store.upkeep.retain("default", rule);
    expect(await at.store.jobs.get(doubt)).toBeUndefined();
    const keys = (await at.redis.keys("*")).filter(
      (key) => key.includes(doubt) || key.includes(bad) || key.includes("ix:deleted"),
    );
    expect(keys).toEqual([]);
  });

  test("outputs beyond the budget go, oldest first, and say so; METADATA keeps how it ended without what was printed", async () => {
    const print = async (part: Partial<NewJob>, bytes: number): Promise<string> => {
      const id = await create(part);
      const holder = (await claimOne(at.store, w1))!;
      const facts = [{ kind: "output", command: 1, offset: 0, length: bytes }] as const;
      await at.store.leases.append(holder, { number: 1, facts, output: Buffer.alloc(bytes, "x") });
      await succeed(at.store, holder);
      at.time.now += 1;
      return id;
    };
    const old = await print({}, 600);
    const young = await print({}, 600);
    const meta = await print({ retain: "METADATA" }, 600);
    const rule = { succeededMs: 1e9, failedMs: 1e9, jobs: 100, outputBytes: 1_000 };
    expect(await at.store.upkeep.retain("default", rule)).toBe(1);
    expect(await at.store.jobs.output(old, 0, 600)).toBeUndefined();
    expect(await at.store.jobs.output(young, 0, 600)).toHaveLength(600);
    expect(await at.redis.ttl(`{pm:default}:output:${meta}`)).toBeGreaterThan(0);
  });

  test("a list by end goes by the time of the end, in stable pages", async () => {
    const ids: string[] = [];
    for (let n = 0; n < 7; n++) ids.push(await create({ endpoint: `10.0.3.${n}:22` }));
    const { claims } = await at.store.leases.claim(w1, 10, "ended");
    const order = [3, 0, 6, 1, 5, 2, 4].map((n) => ids[n]!);
    for (const id of order) {
      const { job, fence } = claims.find((claim) => claim.job.id === id)!;
      await succeed(at.store, { zone: "default", worker: "w1", job: id, endpoint: job.endpoint, fence });
      if (id !== order[2]) at.time.now += 1;
    }
    const seen: string[] = [];
    let before: string | undefined;
    do {
      const page = await at.store.jobs.list({}, { limit: 2, order: "ended", ...(before ? { before } : {}) });
      seen.push(...page.jobs.map(({ id }) => id));
      before = page.next;
    } while (before !== undefined);
    expect(new Set(seen).size).toBe(7);
    expect(seen.slice(0, 3)).toEqual([order[6], order[5], order[4]]);
    expect(seen.slice(-2)).toEqual([order[1], order[0]]);
  });

  const pagesOf = async (query: JobQuery, limit: number, order?: "ended"): Promise<string[][]> => {
    const pages: string[][] = [];
    let before: string | undefined;
    do {
      const page = await at.store.jobs.list(query, { limit, ...(order && { order }), ...(before && { before }) });
      pages.push(page.jobs.map(({ id }) => id));
      before = page.next;
    } while (before !== undefined);
    return pages;
  };

  test("a list by end leaves out none of many that ended in one millisecond", async () => {
    const ids: string[] = [];
    for (let n = 0; n < 50; n++) ids.push(await create({ endpoint: `10.0.4.${n}:22` }));
    const how = { interruptRunning: false, caller: "ann", reason: "" };
    for (const id of ids) expect(await at.store.jobs.cancel(id, how)).toBe("CANCELLED");
    expect((await pagesOf({}, 2, "ended")).flat().sort()).toEqual(ids.sort());
  });

  test("a list of jobs by id is in pages as well, and names none twice", async () => {
    const ids: string[] = [];
    for (let n = 0; n < 3; n++) ids.push(await create({ endpoint: `10.0.5.${n}:22` }));
    const [a = "", b = "", c = ""] = ids.sort();
    expect(await pagesOf({ ids: [b, a, c, b] }, 2)).toEqual([[c, b], [a]]);
    await at.store.jobs.cancel(a, { interruptRunning: false, caller: "ann", reason: "" });
    expect(await pagesOf({ ids: [b, a, c] }, 2, "ended")).toEqual([[a]]);
  });
});
