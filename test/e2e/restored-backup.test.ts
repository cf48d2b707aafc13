import { cp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { Pointsman } from "@pointsman/sdk";
import { JobState, WaitingReason } from "@pointsman/sdk/v1";
import { Redis } from "ioredis";
import { afterEach, expect, test } from "vitest";
import { type PrivateRedis, startPrivateRedis } from "../../src/dev/private-redis.js";
import { eventually } from "../support/eventually.js";
import { device, type OurProcess, startOurs, startSystem, type System } from "../support/system.js";

let at: System;
const later: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of later.splice(0).reverse()) await end();
  await at.close();
});

const clear = { command: /^clear counters/, output: "cleared\n" };
const log = (dir: string): string => join(dir, "appendonlydir");
const sent = (line: string): number => at.simulator.journal().filter((entry) => entry.line === line).length;

/** Makes a copy look as old as a backup is: it says in a zone's gate until when it was kept. */
async function age(dir: string, ms: number): Promise<void> {
  const redis = await startPrivateRedis({ dir });
  const direct = new Redis({ path: redis.socketPath });
  const mark = await direct.hget("{pm:default}:gate", "mark");
  expect(Number(mark)).toBeGreaterThan(0);
  await direct.hset("{pm:default}:gate", "mark", String(Number(mark) - ms));
  direct.disconnect();
  await redis.stop();
}

/** What `docs/operations/backup.md` says is to be done, with real processes. */
test("an old backup is restored: nothing at-most-once runs by itself, what the journals know is known, reads go on", async () => {
  const names = ["r1", "r2", "r3", "r4", "r5"];
  at = await startSystem({ devices: names.map((name) => device(name, { commands: [clear] })) });
  const { client } = at;
  await client.jobs.run({ device: "r1", commands: ["clear counters before"] });
  // Two changes that wait while the backup is made: after it one is made, and the other taken back.
  const soon = new Date(Date.now() + 45_000);
  const made = await client.jobs.create({
    device: "r2",
    commands: ["clear counters waiting"],
    queueTimeoutMs: 3_600_000,
    startTime: new Date(Date.now() + 5_000),
  });
  const withdrawn = await client.jobs.create({ device: "r3", commands: ["clear counters withdrawn"], startTime: soon });
  const run = { devices: ["r5"], commands: ["clear counters scheduled"] };
  await client.schedules.create({ name: "nightly", at: soon, run });
  // The backup.
  await cp(log(join(at.dir, "redis")), log(join(at.dir, "backup")), { recursive: true });

  expect((await client.jobs.wait(made.id, { timeoutMs: 120_000 })).state).toBe(JobState.SUCCEEDED);
  const change = { device: "r4", commands: ["clear counters after"] };
  const after = await client.jobs.run(change, { requestId: "after" });
  await client.jobs.cancel(withdrawn.id);
  await client.schedules.delete("nightly");

  // Everything is stopped, the old data is put in the place of the new, and everything is started.
  await Promise.all([...at.workers, at.server].map((one) => one.stop()));
  await at.redis.stop();
  await age(join(at.dir, "backup"), 11 * 60_000);
  await rm(log(join(at.dir, "redis")), { recursive: true });
  await rename(log(join(at.dir, "backup")), log(join(at.dir, "redis")));
  const redis: PrivateRedis = await startPrivateRedis({ dir: join(at.dir, "redis") });
  later.push(() => redis.stop());
  const start = (command: string): OurProcess => {
    const one = startOurs([command], at.env);
    later.push(() => one.stop());
    return one;
  };
  const server = start("server");
  const { port } = await server.logged("server ready");
  start("worker");
  const restored = new Pointsman({ baseUrl: `http://127.0.0.1:${String(port)}`, apiKey: "" });
  later.push(async () => restored.close());

  // What was made since the backup is known by the journals; by its request id also to whoever asks again.
  await eventually(async () => expect((await restored.jobs.get(made.id)).state).toBe(JobState.SUCCEEDED), 120_000);
  const repeated = await eventually(() => restored.jobs.create(change, { requestId: "after" }), 120_000);
  expect([repeated.id, repeated.replayed, repeated.state]).toEqual([after.id, true, JobState.SUCCEEDED]);
  // What nobody but Redis knew of waits, although its time has come, and says why; reads go on beside it.
  await eventually(async () => {
    const { state, waitingReason } = await restored.jobs.get(withdrawn.id);
    expect([state, waitingReason]).toEqual([JobState.QUEUED, WaitingReason.HELD]);
  }, 180_000);
  // So does what servers make by themselves.
  const [fired] = await eventually(async () => {
    const { items: jobs } = await restored.jobs.list({ devices: ["r5"] });
    expect(jobs).toMatchObject([{ state: JobState.QUEUED, waitingReason: WaitingReason.HELD }]);
    return jobs;
  }, 180_000);
  for (const name of names) {
    const read = await restored.jobs.run({ device: name, commands: ["show clock"] });
    expect([name, read.state]).toEqual([name, JobState.SUCCEEDED]);
  }
  expect((await restored.devices.get("r3")).status?.hold).toMatchObject({ restored: true });
  // Where nothing waited, new changes are made.
  await restored.jobs.run({ device: "r1", commands: ["clear counters anew"] });
  expect([sent("clear counters withdrawn"), sent("clear counters scheduled")]).toEqual([0, 0]);

  // Somebody has looked, and lets go on what waits.
  const admit = startOurs(["admit-restored"], at.env);
  await new Promise((resolve) => admit.child.once("close", resolve));
  expect(admit.log).toEqual([expect.stringMatching(/^zone default: 2 devices take changes again$/)]);
  expect((await restored.jobs.wait(withdrawn.id, { timeoutMs: 120_000 })).state).toBe(JobState.SUCCEEDED);
  expect((await restored.jobs.wait(fired!.id, { timeoutMs: 120_000 })).state).toBe(JobState.SUCCEEDED);
  for (const word of ["before", "waiting", "after", "anew", "withdrawn", "scheduled"]) {
    expect([word, sent(`clear counters ${word}`)]).toEqual([word, 1]);
  }
}, 600_000);
