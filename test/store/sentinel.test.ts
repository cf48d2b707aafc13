import { expect, test, vi } from "vitest";
import { openRedis } from "../../src/store/open-redis.js";
import { createRedisStore } from "../../src/store/redis-store.js";
import { createCalendar } from "../../src/system/calendar.js";
import { eventually } from "../support/eventually.js";
import { freePort } from "../support/free-port.js";
import { claimOne, newJob, succeed, worker } from "../support/jobs.js";
import { startSentinel } from "../support/redis-topologies.js";

test("a primary that only stopped answering is left for the new one, and not gone back to when it wakes", async () => {
  const topology = await startSentinel();
  const [frozen, replica] = topology.nodes;
  const store = await createRedisStore({
    calendar: createCalendar(),
    address: topology.url,
    now: () => Date.now(),
    monotonic: () => performance.now(),
  });
  try {
    const w1 = worker("w1");
    await store.leases.register(w1);
    const { job } = await store.jobs.create(newJob(Date.now()));
    const holder = (await claimOne(store, w1))!;
    expect(await frozen!.redis.wait(1, 60_000)).toBe(1);
    await topology.giveUpAfter(1_000);
    process.kill(frozen!.pid, "SIGSTOP");
    try {
      // The answer of the new one may be lost too: then the second says that the device is no longer ours.
      expect(await eventually(() => succeed(store, holder), 120_000)).toMatch(/^(OK|FENCED)$/);
    } finally {
      await topology.giveUpAfter(60_000);
      process.kill(frozen!.pid, "SIGCONT");
    }
    expect(await replica!.redis.hget(`{pm:default}:job:${job.id}`, "st")).toBe("SUCCEEDED");
    // It takes itself for the primary until Sentinel tells it otherwise, seconds later.
    const later = (await store.jobs.create(newJob(Date.now()))).job;
    expect(await replica!.redis.hget(`{pm:default}:job:${later.id}`, "st")).toBe("QUEUED");
  } finally {
    await store.close();
    await topology.close();
  }
});

test("a failover is survived that is told while a Sentinel that went with the primary is still asked for it", async () => {
  const topology = await startSentinel();
  const [primary] = topology.nodes;
  const [silent] = topology.sentinels;
  try {
    const { state, close } = await openRedis(topology.url);
    try {
      await topology.giveUpAfter(1_000);
      process.kill(silent!.pid, "SIGSTOP");
      await primary!.kill();
      expect(await eventually(() => state.set("after", "1"), 60_000)).toBe("OK");
    } finally {
      await close();
    }
  } finally {
    await topology.close();
  }
});

test("a Sentinel that is not there is no news, and those that are there are left with Redis", async () => {
  const topology = await startSentinel();
  const printed = vi.spyOn(console, "error");
  const listening = async (): Promise<number> => {
    const lists = await Promise.all(
      topology.sentinels.map(({ redis }) => redis.call("CLIENT", "LIST", "TYPE", "pubsub")),
    );
    return String(lists).match(/sub=1/g)?.length ?? 0;
  };
  try {
    const links = await openRedis(topology.url.replace("/main", `,127.0.0.1:${await freePort()}/main`));
    try {
      await eventually(async () => expect(await listening()).toBe(3));
    } finally {
      await links.close();
    }
    await eventually(async () => expect(await listening()).toBe(0));
    expect(printed).not.toHaveBeenCalled();
  } finally {
    printed.mockRestore();
    await topology.close();
  }
});
