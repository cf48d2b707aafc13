import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type PrivateRedis, startPrivateRedis } from "../../src/dev/private-redis.js";
import { createRedisStore } from "../../src/store/redis-store.js";
import type { Store } from "../../src/store/store.js";
import { createCalendar } from "../../src/system/calendar.js";
import { eventually } from "../support/eventually.js";
import { claimOne, newJob, worker } from "../support/jobs.js";
import { type Replica, startReplica } from "../support/redis-replica.js";
import { see } from "../support/store.js";

let dir: string;
let redis: PrivateRedis;
let replica: Replica;
/** Waits for replicas as long as a busy machine may need. */
let store: Store;
/** Gives up soon; only asked while the replica stands still. */
let hasty: Store;
const open = (withinMs: number) =>
  createRedisStore({
    ...{ address: redis.socketPath, calendar: createCalendar(), replication: { replicas: 1, withinMs } },
    ...{ now: () => Date.now(), monotonic: () => performance.now() },
  });
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "pm-replicated-"));
  redis = await startPrivateRedis({ dir: join(dir, "primary") });
  replica = await startReplica(redis.socketPath, join(dir, "replica"));
  store = await open(60_000);
  hasty = await open(1_000);
});
afterAll(async () => {
  await store.close();
  await hasty.close();
  await replica.close();
  await redis.stop();
  await rm(dir, { recursive: true, force: true });
});

const late = { reason: "NOT_REPLICATED", message: expect.stringContaining("0 of 1") };
const change = (part: Partial<Parameters<typeof newJob>[1]> = {}) =>
  newJob(Date.now(), { effectClass: "AT_MOST_ONCE", replicated: true, ...part });

describe("work that replicas are to know of", () => {
  test("a create is answered once they do; one that they do not acknowledge may exist, and is repeated by its request id", async () => {
    const first = await store.jobs.create(change({ endpoint: "10.0.1.1:22" }));
    expect(first.replayed).toBe(false);

    const idempotency = { scope: "test", requestId: "twice", fingerprint: "f" };
    const job = change({ endpoint: "10.0.1.2:22", idempotency });
    replica.freeze();
    await expect(hasty.jobs.create(job)).rejects.toMatchObject(late);
    expect((await store.jobs.get(job.id))?.state).toBe("QUEUED");
    // An earlier answer does not stand for the replicas either.
    await expect(hasty.jobs.create(change({ endpoint: "10.0.1.2:22", idempotency }))).rejects.toMatchObject(late);
    // Of many, each for itself.
    const slow = hasty.jobs.createMany([
      change({ endpoint: "10.0.1.3:22" }),
      change({ endpoint: "10.0.1.4:22", replicated: false }),
    ]);
    expect((await slow).map((one) => ("reason" in one ? one.reason : "accepted"))).toEqual([
      "NOT_REPLICATED",
      "accepted",
    ]);
    // What nobody asked replicas for does not wait for what does.
    let waits = true;
    const patient = store.jobs.create(change({ endpoint: "10.0.1.6:22" })).finally(() => (waits = false));
    await store.jobs.create(newJob(Date.now(), { endpoint: "10.0.1.5:22" }));
    expect(waits).toBe(true);

    replica.thaw();
    await patient;
    const again = await store.jobs.create(change({ endpoint: "10.0.1.2:22", idempotency }));
    expect([again.job.id, again.replayed]).toEqual([job.id, true]);
  });

  test("an intent is known to them, or it is not said to be; nor is one that is not there", async () => {
    const identity = { ...worker("w1"), capacity: 100 };
    await store.leases.register(identity);
    await see(store, "default");
    let holder = await claimOne(store, identity);
    while (holder && holder.endpoint !== "10.0.1.1:22") holder = await claimOne(store, identity);
    if (!holder) throw new Error("nothing to claim");
    await expect(store.leases.replicated(holder)).rejects.toMatchObject({
      reason: "NOT_REPLICATED",
      message: expect.stringContaining("without it"),
    });
    replica.freeze();
    expect((await store.leases.intent(holder, 1)).answer).toBe("OK");
    await expect(hasty.leases.replicated(holder)).rejects.toMatchObject(late);
    replica.thaw();
    await store.leases.replicated(holder);
    await expect(store.leases.replicated({ ...holder, fence: "999" })).rejects.toMatchObject({
      reason: "NOT_REPLICATED",
    });
  });

  test("many at once share the waiting", async () => {
    replica.freeze();
    const started = performance.now();
    const all = Array.from({ length: 200 }, (_, i) => hasty.jobs.create(change({ endpoint: `10.0.2.${i}:22` })));
    const answers = await Promise.allSettled(all);
    // One after the other they would take more than three minutes; this is no measure of speed.
    expect(performance.now() - started).toBeLessThan(100_000);
    expect(answers.every(({ status }) => status === "rejected")).toBe(true);
    replica.thaw();
  });

  test("a connection that was lost is made again", async () => {
    const { Redis } = await import("ioredis");
    const operator = new Redis({ path: redis.socketPath });
    await operator.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    await eventually(() => store.jobs.create(change({ endpoint: "10.0.3.1:22" })), 120_000);
    operator.disconnect();
  });
});
