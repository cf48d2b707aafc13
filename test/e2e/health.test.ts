import { HealthStatus } from "@pointsman/sdk/v1";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { startPrivateRedis } from "../../src/dev/private-redis.js";
import { eventually } from "../support/eventually.js";
import { device, startSystem, type System } from "../support/system.js";

let at: System;
const afterTest: (() => Promise<void>)[] = [];
afterEach(async () => {
  await at.close();
  for (const end of afterTest.splice(0)) await end();
});

test("Redis stopped for a while: health says so, no process dies, and all goes on by itself", async () => {
  at = await startSystem({ devices: [device("r1")] });
  const { client, redis, server, url, workers } = at;
  expect((await client.jobs.run({ device: "r1", commands: ["show clock"] })).error).toBeUndefined();
  const names = (await client.health.check()).components.map(({ name }) => name);
  expect(names).toEqual(["api", "redis", "workers", "queues", "schedules", "zones", "holds"]);

  const seen = new AbortController();
  const watching = (async () => {
    for await (const { status } of client.health.watch({ signal: seen.signal })) {
      if (status === HealthStatus.NOT_SERVING) return;
    }
  })();
  await redis.stop();
  await watching;
  expect((await fetch(`${url}/readyz`)).status).toBe(503);
  expect((await fetch(`${url}/livez`)).status).toBe(200);
  // Longer than a lease: the worker has to stop by itself, and to come back by itself.
  await eventually(
    () => expect(workers[0]!.log.filter((line) => line.includes("no beat")).length).toBeGreaterThan(3),
    120_000,
  );
  const again = await startPrivateRedis({ dir: join(at.dir, "redis") });
  afterTest.push(() => again.stop());

  await eventually(async () => {
    const { status, components } = await client.health.check();
    expect(status).not.toBe(HealthStatus.NOT_SERVING);
    expect(components.find(({ name }) => name === "zones")?.status).toBe(HealthStatus.SERVING);
  }, 120_000);
  const job = await client.jobs.run({ device: "r1", commands: ["show clock"] });
  expect(job.error).toBeUndefined();
  expect([server, ...workers].map(({ child }) => child.exitCode)).toEqual([null, null]);
});

test("a Redis that stands still: health can be asked all the time, and all goes on when it does", async () => {
  at = await startSystem({ devices: [device("r1")] });
  const { client, redis, server, workers } = at;
  expect((await client.jobs.run({ device: "r1", commands: ["show clock"] })).error).toBeUndefined();
  const redisStatus = async (): Promise<HealthStatus | undefined> =>
    (await client.health.check({ timeoutMs: 20_000 })).components.find(({ name }) => name === "redis")?.status;
  process.kill(redis.pid, "SIGSTOP");
  try {
    await eventually(async () => expect(await redisStatus()).toBe(HealthStatus.NOT_SERVING), 120_000);
    // For longer than a caller's key, or that none is needed, is believed without asking.
    for (const seen of [1, 2, 3]) {
      await eventually(
        () => expect(workers[0]!.log.filter((line) => line.includes("no beat")).length).toBeGreaterThanOrEqual(seen),
        120_000,
      );
      expect(await redisStatus()).toBe(HealthStatus.NOT_SERVING);
    }
  } finally {
    process.kill(redis.pid, "SIGCONT");
  }
  await eventually(async () => expect(await redisStatus()).toBe(HealthStatus.SERVING), 120_000);
  expect((await client.jobs.run({ device: "r1", commands: ["show clock"] })).error).toBeUndefined();
  expect([server, ...workers].map(({ child }) => child.exitCode)).toEqual([null, null]);
});
