import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Problem } from "../../src/store/fsck.js";
import { bury, claimOne, newJob, succeed, worker } from "../support/jobs.js";
import { openTestStore, type TestStore } from "../support/store.js";

let at: TestStore;
const w1 = worker("w1");
const w2 = worker("w2");
const zone = "{pm:default}";
const amo = { effectClass: "AT_MOST_ONCE" } as const;
const endpoint = (n: number): string => `10.0.0.${n}:22`;

beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());
afterEach(async () => {
  await at.empty();
});

async function check(repair = false, freeLost = false) {
  const problems: Problem[] = [];
  const report = (problem: Problem): void => void problems.push(problem);
  const summary = await at.store.fsck.check("default", { repair, freeLost, report });
  return { problems, ...summary };
}

/** Something of everything: every state, a lock, a hold, a full limit, a paused queue, dedupe keys, outputs, a grave. */
async function livelyZone() {
  const { jobs, leases, queues, devices } = at.store;
  await leases.register(w1);
  await leases.register(w2);
  const create = async (n: number, part: Parameters<typeof newJob>[1] = {}) =>
    (await jobs.create(newJob(at.time.now, { endpoint: endpoint(n), device: `r${n}`, ...part }))).job.id;
  const output = {
    facts: [{ kind: "output", command: 1, offset: 0, length: 5 }] as const,
    output: Buffer.from("hello"),
  };

  const ended = await create(1, { retain: "METADATA" });
  const good = await create(2);
  const doubtful = await create(3, amo);
  const stopping = await create(4, { queue: "nightly" });
  const running = await create(5, { queue: "nightly" });
  for (let left = 5; left > 0; left--) {
    const holder = (await claimOne(at.store, w1))!;
    if (holder.job === ended || holder.job === good) {
      await leases.append(holder, { number: 1, ...output });
      await succeed(at.store, holder);
    } else if (holder.job === doubtful) {
      await leases.intent(holder, 1);
      const end = { verdict: "INDETERMINATE", intendedStep: 1, confirmedStep: 0, keepDevice: false } as const;
      await leases.finish(holder, end);
    }
  }
  await jobs.cancel(stopping, { interruptRunning: true, caller: "ann", reason: "" });
  const warm = await create(2);
  const held = await create(3, amo);
  const idempotency = { scope: "ann", requestId: "r", fingerprint: "f" };
  const ready = await create(6, { dedupe: { key: "k", policy: "REJECT" }, idempotency });
  const later = await create(7, { startAfterMs: at.time.now + 60_000, sealedSecret: Buffer.from("secret") });
  await queues.setLimit("default", "label/site", 1);
  await queues.pause({ zone: "default", queue: "calm" }, { caller: "ann", reason: "", timeMs: at.time.now });
  const parked = await create(8, { queue: "calm" });
  const locked = await create(9, { creator: "ann" });
  await create(9);
  const lock = { owner: "ann", scope: "ALL", reason: "rack work", forMs: 600_000 } as const;
  await devices.lock({ name: "r9", zone: "default", endpoint: endpoint(9) }, lock);
  await leases.register(worker("w3"));
  await bury(at.store, "w3");
  const scope = { zones: [], devices: [], labels: { site: "lab" } };
  await at.store.policies.create("freeze", { name: "lab", owner: "ann", reason: "works", scope, startMs: 0 });
  return { ended, good, doubtful, stopping, running, warm, held, ready, later, parked, locked };
}

type Zone = Awaited<ReturnType<typeof livelyZone>>;

/** Each way to break the zone by hand, the invariant that must be found broken, and a look at what repair made of it. */
const breaks: readonly [string, string, (zone: Zone) => Promise<unknown>, ((zone: Zone) => Promise<unknown>)?][] = [
  [
    "a freeze that cannot be read",
    "freeze-is-readable",
    () => at.redis.hset(`${zone}:freezes`, "freeze/lab", "perhaps"),
    async () => {
      await at.store.policies.keep("default");
      expect(await at.redis.hget(`${zone}:freezes`, "freeze/lab")).toBe("some 0-");
    },
  ],
  [
    "devices that a freeze holds which is gone",
    "frozen-has-its-policy",
    () => at.redis.sadd(`${zone}:frozen:freeze/gone`, endpoint(1)),
    async () => expect(await at.redis.exists(`${zone}:frozen:freeze/gone`)).toBe(0),
  ],
  ["a job that is in no index", "job-in-index", ({ ready }) => at.redis.zrem(`${zone}:ix:state:QUEUED`, ready)],
  [
    "a job that is not in its state's index",
    "job-in-index",
    ({ good }) => at.redis.zrem(`${zone}:ix:state:SUCCEEDED`, good),
  ],
  [
    "a job that is in another state's index",
    "entry-has-its-reason",
    ({ good }) => at.redis.zadd(`${zone}:ix:state:FAILED`, 0, good),
  ],
  [
    "a deleted job that counts as if it were not",
    "job-in-index",
    ({ good }) => at.redis.hset(`${zone}:job:${good}`, "del", 1),
  ],
  [
    "a job that counts as deleted and is not",
    "entry-has-its-reason",
    ({ good }) => at.redis.zadd(`${zone}:ix:deleted:SUCCEEDED`, 0, good),
  ],
  [
    "a job that is not under its device",
    "job-in-index",
    ({ good }) => at.redis.zrem(`${zone}:ix:device:device/r2`, good),
  ],
  ["an index entry without a job", "entry-has-its-reason", () => at.redis.zadd(`${zone}:ix:state:FAILED`, 0, "gone")],
  [
    "a queued job in no line",
    "queued-in-line",
    ({ ready }) => at.redis.zrem(`${zone}:reads:${endpoint(6)}`, ready),
    async ({ ready }) => expect((await claimOne(at.store, w2))?.job).toBe(ready),
  ],
  [
    "a line entry of a job that ended",
    "entry-has-its-reason",
    ({ good }) => at.redis.zadd(`${zone}:reads:${endpoint(2)}`, 1, good),
  ],
  [
    "a queued job at another place",
    "queued-in-line",
    ({ ready }) => at.redis.zadd(`${zone}:reads:${endpoint(6)}`, 1, ready),
  ],
  [
    "a device with work that is not ready",
    "device-in-its-place",
    () => at.redis.zrem(`${zone}:ready`, endpoint(6)),
    async ({ ready }) => expect((await claimOne(at.store, w2))?.job).toBe(ready),
  ],
  ["a ready device without work", "device-in-its-place", () => at.redis.zadd(`${zone}:ready`, 5, endpoint(99))],
  ["a held device that is ready", "device-in-its-place", () => at.redis.zadd(`${zone}:ready`, 5, endpoint(3))],
  [
    "a warm device that its owner does not see",
    "device-in-its-place",
    () => at.redis.zrem(`${zone}:warm:w1`, endpoint(2)),
  ],
  ["a warm device of another", "entry-has-its-reason", () => at.redis.zadd(`${zone}:warm:w2`, 1, endpoint(2))],
  [
    "a warm device that would never be handed on",
    "device-in-its-place",
    () => at.redis.zrem(`${zone}:handoff`, endpoint(2)),
  ],
  ["a hand-off of nothing", "device-in-its-place", () => at.redis.zadd(`${zone}:handoff`, 5, endpoint(99))],
  [
    "a device whose run has ended",
    "device-runs-a-job",
    ({ good }) => at.redis.hset(`${zone}:ep:${endpoint(2)}`, "run", good),
    async ({ warm }) => expect((await claimOne(at.store, w1))?.job).toBe(warm),
  ],
  [
    "a running job whose device does not say so",
    "run-has-device",
    () => at.redis.hdel(`${zone}:ep:${endpoint(5)}`, "run"),
    async ({ running }) => expect(await at.store.jobs.get(running)).toMatchObject({ state: "QUEUED" }),
  ],
  [
    "a job running at most once, past its intent, whose device is gone",
    "run-has-device",
    async ({ running }) => {
      await at.redis.hset(`${zone}:job:${running}`, { cls: "AT_MOST_ONCE", line: "changes", it: 1 });
      await at.redis.del(`${zone}:ep:${endpoint(5)}`);
    },
    async ({ running }) => {
      expect(await at.store.jobs.get(running)).toMatchObject({ state: "INDETERMINATE" });
      expect((await at.store.devices.status("default", endpoint(5))).hold).toMatchObject({ job: running });
    },
  ],
  [
    "an owner that is not there",
    "owner-lives",
    async () => {
      await at.redis.del(`${zone}:worker:w1`);
      await at.redis.srem(`${zone}:workers`, "w1");
      await at.redis.srem(`${zone}:alive`, "w1");
    },
    async ({ running, stopping, warm }) => {
      expect((await at.store.jobs.get(running))?.state).toBe("QUEUED");
      expect((await at.store.jobs.get(stopping))?.state).toBe("CANCELLED");
      const { claims } = await at.store.leases.claim(w2, 10, "all");
      expect(claims.map(({ job }) => job.id)).toEqual(expect.arrayContaining([running, warm]));
    },
  ],
  [
    "an owner that is dead",
    "owner-lives",
    async () => {
      await at.redis.hset(`${zone}:worker:w1`, "st", "dead");
      await at.redis.srem(`${zone}:alive`, "w1");
      await at.redis.zadd(`${zone}:graves`, at.time.now, "w1");
    },
  ],
  ["a device its owner does not know", "owner-knows", () => at.redis.srem(`${zone}:owned:w1`, endpoint(2))],
  ["a device that is another's", "entry-has-its-reason", () => at.redis.sadd(`${zone}:owned:w2`, endpoint(2))],
  [
    "a permit of a job that ended",
    "entry-has-its-reason",
    ({ good }) => at.redis.sadd(`${zone}:permits:queue/nightly`, good),
  ],
  [
    "a run without its permit",
    "run-has-permit",
    ({ running }) => at.redis.srem(`${zone}:permits:queue/nightly`, running),
  ],
  [
    "a permit that its job forgot",
    "entry-has-its-reason",
    ({ running }) => at.redis.hdel(`${zone}:job:${running}`, "permits"),
  ],
  ["parked jobs whose limit nobody looks at", "parked-has-crowd", () => at.redis.srem(`${zone}:crowds`, "queue/calm")],
  [
    "a parked entry of a job that is not",
    "entry-has-its-reason",
    ({ good }) => at.redis.zadd(`${zone}:parked:queue/calm`, 1, good),
  ],
  ["a parked job under no limit", "queued-in-line", ({ parked }) => at.redis.zrem(`${zone}:parked:queue/calm`, parked)],
  [
    "an unresolved job that does not hold its device",
    "doubt-holds",
    () => at.redis.del(`${zone}:holds:${endpoint(3)}`),
    async () => expect((await at.store.devices.status("default", endpoint(3))).hold).toBeDefined(),
  ],
  ["a hold that its device does not know", "hold-has-a-job", () => at.redis.hdel(`${zone}:ep:${endpoint(3)}`, "hold")],
  [
    "a hold of a job that is certain",
    "entry-has-its-reason",
    async ({ good }) => {
      await at.redis.zadd(`${zone}:holds:${endpoint(2)}`, 1, good);
      await at.redis.hset(`${zone}:ep:${endpoint(2)}`, "hold", good);
    },
    async () => expect((await at.store.devices.status("default", endpoint(2))).hold).toBeUndefined(),
  ],
  ["a delayed job that is never due", "delayed-is-due", ({ later }) => at.redis.zrem(`${zone}:delayed`, later)],
  [
    "a due entry of a job that is not delayed",
    "entry-has-its-reason",
    ({ ready }) => at.redis.zadd(`${zone}:delayed`, 1, ready),
  ],
  [
    "a job that waits aside unseen",
    "aside-is-known",
    ({ later }) => at.redis.srem(`${zone}:later:${endpoint(7)}`, later),
  ],
  ["a waiting job that never expires", "wait-expires", ({ ready }) => at.redis.zrem(`${zone}:expire`, ready)],
  [
    "a running job that would expire",
    "entry-has-its-reason",
    ({ running }) => at.redis.zadd(`${zone}:expire`, 1, running),
  ],
  ["a dedupe key of no live job", "dedupe-is-live", ({ good }) => at.redis.set(`${zone}:dedupe:abc`, good)],
  ["a wrong sum of outputs", "output-sum", () => at.redis.incrby(`${zone}:outbytes`, 7)],
  ["an output that is not counted", "output-is-counted", ({ good }) => at.redis.zrem(`${zone}:outputs`, good)],
  ["an output that is gone", "output-is-whole", ({ good }) => at.redis.del(`${zone}:output:${good}`)],
  ["a job missing in its named queue", "job-in-queue", ({ parked }) => at.redis.zrem(`${zone}:queue:calm`, parked)],
  ["an ended job in a named queue", "entry-has-its-reason", ({ good }) => at.redis.zadd(`${zone}:queue:calm`, 1, good)],
  ["a secret of an ended job", "secret-is-erased", ({ good }) => at.redis.set(`${zone}:secret:${good}`, "x")],
  ["a secret of no job", "part-has-a-job", () => at.redis.set(`${zone}:secret:gone`, "x")],
  ["an output of no job", "part-has-a-job", () => at.redis.set(`${zone}:output:gone`, "x")],
  ["a cancel nobody is told of", "cancel-is-told", ({ stopping }) => at.redis.srem(`${zone}:cancels:w1`, stopping)],
  [
    "a cancel of a job nobody cancelled",
    "entry-has-its-reason",
    ({ running }) => at.redis.sadd(`${zone}:cancels:w1`, running),
  ],
  ["a lock that would never end", "lock-ends", () => at.redis.zrem(`${zone}:locks`, endpoint(9))],
  ["an end of no lock", "lock-ends", () => at.redis.zadd(`${zone}:locks`, 1, endpoint(2))],
  [
    "an owner's job that does not pass its lock",
    "queued-in-line",
    ({ locked }) => at.redis.zrem(`${zone}:reads-pass:${endpoint(9)}`, locked),
  ],
  [
    "a job that passes without a lock",
    "entry-has-its-reason",
    ({ ready }) => at.redis.zadd(`${zone}:reads-pass:${endpoint(6)}`, 1, ready),
  ],
  ["an ended job that is never purged", "end-is-kept", ({ good }) => at.redis.zrem(`${zone}:done:good`, good)],
  [
    "an unresolved job that would be purged",
    "entry-has-its-reason",
    ({ doubtful }) => at.redis.zadd(`${zone}:done:bad`, 1, doubtful),
  ],
  ["a fence that went back", "fence-grows", () => at.redis.set(`${zone}:fence`, 1)],
  ["a dead worker without a grave", "dead-has-grave", () => at.redis.zrem(`${zone}:graves`, "w3")],
  ["a dead worker among those alive", "worker-is-listed", () => at.redis.sadd(`${zone}:alive`, "w3")],
];

describe("fsck", () => {
  test("finds nothing where nothing was broken, and changes nothing", async () => {
    await livelyZone();
    const before = await at.dump();
    expect(await check(true)).toEqual({ problems: [], found: 0, repaired: 0, left: 0 });
    expect(await at.dump()).toEqual(before);
  });

  test.each(breaks)("finds and mends %s", async (_, invariant, damage, look) => {
    const made = await livelyZone();
    await damage(made);
    const damaged = await at.dump();
    const seen = await check();
    expect(seen.problems.map((problem) => problem.invariant)).toContain(invariant);
    expect(seen.problems.filter(({ repairable, repaired }) => !repairable || repaired)).toEqual([]);
    expect(seen.left).toBe(seen.problems.length);
    expect(await at.dump()).toEqual(damaged);
    const mended = await check(true);
    expect(mended.problems.map((problem) => problem.invariant)).toContain(invariant);
    expect(mended.left).toBe(0);
    expect((await check()).problems).toEqual([]);
    await look?.(made);
  });

  test("has no false findings while the service runs", async () => {
    await livelyZone();
    let checks = 0;
    async function work(by: typeof w1): Promise<void> {
      for (let round = 0; checks < 5; round++) {
        const queue = round % 3 === 0 ? { queue: "nightly" } : {};
        const startAfterMs = round % 5 === 0 ? { startAfterMs: at.time.now + 1 } : {};
        const target = { endpoint: endpoint(round % 7), ...queue, ...startAfterMs };
        const { job } = await at.store.jobs.create(newJob(at.time.now, target));
        if (round % 4 === 0) await at.store.jobs.cancel(job.id, { interruptRunning: false, caller: "ann", reason: "" });
        const holder = await claimOne(at.store, by);
        at.time.now += 1;
        await at.store.upkeep.tick("default");
        if (holder) await succeed(at.store, holder, round % 2 === 0);
      }
    }
    async function watch(): Promise<void> {
      for (; checks < 5; checks++) expect((await check(checks % 2 === 1)).problems).toEqual([]);
    }
    await Promise.all([work(w1), work(w2), watch().finally(() => (checks = 5))]);
    expect((await at.store.jobs.count({})).get("SUCCEEDED")).toBeGreaterThan(50);
  });

  test.each<[string, string, (made: Zone) => Promise<unknown>]>([
    ["a gap in a job's events", "events-have-no-gap", ({ good }) => at.redis.rpop(`${zone}:events:${good}`)],
    ["a job whose state cannot be", "job-fields", ({ good }) => at.redis.hset(`${zone}:job:${good}`, "st", "LOST")],
    ["half a lock", "lock-is-whole", () => at.redis.hdel(`${zone}:ep:${endpoint(9)}`, "locker")],
    [
      "a request id that was forgotten",
      "request-is-known",
      async () => at.redis.del(...(await at.redis.keys(`${zone}:request:*`))),
    ],
    ["a definition that is no JSON", "can-be-read", ({ ready }) => at.redis.hset(`${zone}:job:${ready}`, "def", "{")],
    [
      "a key of another type",
      "can-be-read",
      async ({ good }) => {
        await at.redis.del(`${zone}:job:${good}`);
        await at.redis.set(`${zone}:job:${good}`, "hash");
      },
    ],
  ])("says of %s that a person must decide, and leaves it", async (_, invariant, damage) => {
    await damage(await livelyZone());
    const { problems, left } = await check(true);
    expect(problems).toContainEqual(expect.objectContaining({ invariant, repairable: false, repaired: false }));
    expect(left).toBeGreaterThan(0);
  });

  test.each<[string, string, string, number, (made: Zone) => Promise<unknown>]>([
    ["held for", "hold-has-its-job", "hold", 3, ({ doubtful }) => at.redis.del(`${zone}:job:${doubtful}`)],
    [
      "held for, where the hold stands with the device alone,",
      "hold-has-a-job",
      "hold",
      3,
      ({ doubtful }) => at.redis.del(`${zone}:job:${doubtful}`, `${zone}:holds:${endpoint(3)}`),
    ],
    ["running", "run-has-its-job", "run", 5, ({ running }) => at.redis.del(`${zone}:job:${running}`)],
  ])("frees no device %s a job that is lost, unless a person says so", async (_, invariant, field, number, lose) => {
    await lose(await livelyZone());
    const device = `${zone}:ep:${endpoint(number)}`;
    const { problems } = await check(true);
    expect(problems).toContainEqual(expect.objectContaining({ invariant, repairable: false, repaired: false }));
    expect(await at.redis.hexists(device, field)).toBe(1);
    expect((await check(true, true)).left).toBe(0);
    expect(await at.redis.hexists(device, field)).toBe(0);
  });

  test("a hold that stands with its device alone, of a job in doubt, is put among the holds again", async () => {
    const { doubtful } = await livelyZone();
    await at.redis.zrem(`${zone}:holds:${endpoint(3)}`, doubtful);
    expect((await check(true)).left).toBe(0);
    expect(await at.redis.hget(`${zone}:ep:${endpoint(3)}`, "hold")).toBe(doubtful);
    expect(await at.redis.zscore(`${zone}:holds:${endpoint(3)}`, doubtful)).not.toBeNull();
  });

  test("mends what it can although other things cannot be read", async () => {
    const { good, running } = await livelyZone();
    await at.redis.hset(`${zone}:job:${good}`, "def", "{");
    await at.redis.zrem(`${zone}:ix:state:RUNNING`, running);
    const { problems } = await check(true);
    expect(problems).toContainEqual(expect.objectContaining({ invariant: "job-in-index", repaired: true }));
    const key = `${zone}:job:${good}`;
    expect(problems).toContainEqual(expect.objectContaining({ invariant: "can-be-read", key, repaired: false }));
  });
});
