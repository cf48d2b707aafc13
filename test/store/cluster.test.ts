import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createJobId } from "../../src/domain/job-id.js";
import { createRedisStore } from "../../src/store/redis-store.js";
import { createCalendar } from "../../src/system/calendar.js";
import { slotOf } from "../../src/store/slot.js";
import type { Store } from "../../src/store/store.js";
import { systemRandom } from "../../src/system/random.js";
import { eventually } from "../support/eventually.js";
import { claimOne, newJob, reopen, succeed, worker } from "../support/jobs.js";
import { type Guarded, type RedisNode, startCluster, type Topology } from "../support/redis-topologies.js";

const prefix = "pm";
const slot = slotOf(`{${prefix}:default}`);
const w1 = worker("w1");

function open(url: string): Promise<Store> {
  return createRedisStore({
    calendar: createCalendar(),
    address: url,
    prefix,
    now: () => Date.now(),
    monotonic: () => performance.now(),
  });
}

/** What the nodes say about who serves a slot, by themselves. */
async function ownerOf(nodes: readonly RedisNode[], wanted: number): Promise<RedisNode> {
  for (const node of nodes) {
    if (node.redis.status !== "ready") continue;
    const map = (await node.redis.cluster("SLOTS")) as unknown as [number, number, [string, number]][];
    const found = map.find(([first, last]) => first <= wanted && wanted <= last)?.[2][1];
    const owner = nodes.find(({ port }) => port === found);
    if (owner) return owner;
  }
  throw new Error("nobody serves the slot");
}

describe("a slot", () => {
  test("is what Redis says it is, for every kind of hash tag", async () => {
    const cluster = await startCluster(1);
    try {
      for (const key of ["{pm}:devices", "{pm:default}:job:1", "{}x", "a{b}c{d}", "{{a}}", "plain", "", "ü{é}"]) {
        expect([key, slotOf(key)]).toEqual([key, await cluster.nodes[0]?.redis.cluster("KEYSLOT", key)]);
      }
    } finally {
      await cluster.close();
    }
  });
});

describe("a zone that moves to another primary", () => {
  let cluster: Topology;
  let store: Store;
  beforeAll(async () => {
    cluster = await startCluster(3);
    store = await open(cluster.url);
  });
  afterAll(async () => {
    await store.close();
    await cluster.close();
  });

  test("stands still while it moves, with nothing written anywhere, and goes on at its new place", async () => {
    await store.leases.register(w1);
    const { job } = await store.jobs.create(newJob(Date.now()));
    const holder = (await claimOne(store, w1))!;
    let news = 0;
    store.watches.onJob(job.id, () => news++);
    await eventually(() => expect(news).toBeGreaterThan(0));

    const from = await ownerOf(cluster.nodes, slot);
    const to = cluster.nodes.find((node) => node !== from)!;
    const [fromId, toId] = [await from.redis.cluster("MYID"), await to.redis.cluster("MYID")];
    await to.redis.call("CLUSTER", "SETSLOT", slot, "IMPORTING", fromId);
    await from.redis.call("CLUSTER", "SETSLOT", slot, "MIGRATING", toId);
    const keys = await from.redis.cluster("GETKEYSINSLOT", slot, 1_000);
    const move = (some: string[]): Promise<unknown> =>
      from.redis.call("MIGRATE", "127.0.0.1", to.port, "", 0, 60_000, "KEYS", ...some);
    // Half of the zone is there, half is still here.
    await move(keys.slice(0, keys.length / 2));
    const size = async (): Promise<number[]> => [await from.redis.dbsize(), await to.redis.dbsize()];
    const before = await size();
    for (const call of [
      () => succeed(store, holder),
      () => store.jobs.create(newJob(Date.now())),
      () => store.leases.claim(w1, 1, "during"),
      () => store.upkeep.tick("default"),
      () =>
        store.leases.beat(w1, { running: 1, sessions: 1, closing: false, draining: false, succeeded: 0, failed: 0 }),
    ]) {
      await expect(call()).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE" });
    }
    expect(await size()).toEqual(before);

    await move(keys.slice(keys.length / 2));
    await to.redis.call("CLUSTER", "SETSLOT", slot, "NODE", toId);
    await from.redis.call("CLUSTER", "SETSLOT", slot, "NODE", toId);
    // The store's map is old now: MOVED leads it, and no call fails.
    expect(await succeed(store, holder)).toBe("OK");
    expect((await store.jobs.get(job.id))?.state).toBe("SUCCEEDED");
    // Another primary has another history.
    await reopen(store, [w1]);
    const next = (await store.jobs.create(newJob(Date.now()))).job;
    let heard = 0;
    store.watches.onJob(next.id, () => heard++);
    expect((await claimOne(store, w1))?.job).toBe(next.id);
    await eventually(() => expect(heard).toBeGreaterThan(0));
  });
});

describe("a primary that dies", () => {
  let cluster: Guarded;
  beforeAll(async () => {
    cluster = await startCluster(3, 1);
  });
  afterAll(() => cluster.close());

  test("takes only its own zones with it, and those come back with its replica", async () => {
    const store = await open(cluster.url);
    try {
      const lost = await ownerOf(cluster.nodes, slot);
      let n = 0;
      while ((await ownerOf(cluster.nodes, slotOf(`{${prefix}:z${n}}`))) === lost) n++;
      const number = await store.ensureZone(`z${n}`);
      const elsewhere = (): ReturnType<typeof newJob> => ({ ...newJob(Date.now()), zone: `z${n}`, id: idIn(number) });
      await store.leases.register(w1);
      const { job } = await store.jobs.create(newJob(Date.now()));
      const holder = (await claimOne(store, w1))!;
      let news = 0;
      store.watches.onJob(job.id, () => news++);
      await eventually(() => expect(news).toBeGreaterThan(0));
      news = 0;
      expect(await lost.redis.wait(1, 60_000)).toBe(1);
      await lost.kill();
      // The others wait a minute for it before its replica takes over.
      await expect(succeed(store, holder)).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE" });
      expect((await store.jobs.create(elsewhere())).replayed).toBe(false);
      await cluster.giveUpAfter(2_000);
      const answer = await eventually(async () => {
        expect((await store.jobs.create(elsewhere())).replayed).toBe(false);
        return succeed(store, holder).catch((error: unknown) => {
          expect(error).toMatchObject({ reason: "STORE_UNAVAILABLE" });
          throw error;
        });
      }, 120_000);
      // Its first answer may have been lost: then the second says that the device is no longer ours.
      expect(answer).toMatch(/^(OK|FENCED)$/);
      await eventually(() => expect(news).toBeGreaterThan(0));
      // A second process that only knows the dead node and one other finds its way.
      const second = await open(
        `redis-cluster://127.0.0.1:${lost.port},127.0.0.1:${cluster.nodes.find((node) => node !== lost)?.port}`,
      );
      expect((await second.jobs.get(job.id))?.state).toBe("SUCCEEDED");
      await second.close();
    } finally {
      await store.close();
    }
  });
});

/** An id in the zone of this number. */
function idIn(number: number): string {
  return createJobId(Date.now(), number, systemRandom);
}
