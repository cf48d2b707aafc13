import { join } from "node:path";
import { JobState } from "@pointsman/sdk/v1";
import { afterEach, expect, test } from "vitest";
import { eventually } from "../support/eventually.js";
import { type Replica, startReplica } from "../support/redis-replica.js";
import { device, startSystem, type System } from "../support/system.js";

let at: System;
let replica: Replica | undefined;
afterEach(async () => {
  await replica?.close();
  replica = undefined;
  await at.close();
});

const clear = { command: /^clear counters/, output: "cleared\n" };

test("a change that replicas are to know of is not sent while they do not, and goes on by itself", async () => {
  at = await startSystem({
    devices: [device("r1", { commands: [clear] }), device("r2", { commands: [clear] })],
    env: { POINTSMAN_REPLICA_TIMEOUT_MS: "1000" },
  });
  const { client, simulator } = at;
  const sent = (line: string): number => simulator.journal().filter((entry) => entry.line === line).length;
  replica = await startReplica(at.redis.socketPath, join(at.dir, "replica"));
  // On a busy machine a replica may take longer than it is waited for: then the call is made again, as callers do.
  const replicated = (number: number) => {
    const change = { device: "r1", commands: [`clear counters ${number}`], durability: "replicated" } as const;
    return eventually(() => client.jobs.create(change, { requestId: `change-${number}` }), 120_000);
  };
  const made = await client.jobs.wait((await replicated(1)).id);
  expect([made.state, made.spec?.durability]).toEqual([JobState.SUCCEEDED, 2]);

  await client.queues.pause("device/r1", { reason: "the replica still hears" });
  const later = await replicated(2);
  replica.freeze();
  await client.queues.resume("device/r1");
  // A create says that it may exist.
  const refused = client.jobs.create({ device: "r2", commands: ["clear counters 3"], durability: "replicated" });
  await expect(refused).rejects.toMatchObject({ code: "unavailable", reason: "NOT_REPLICATED" });
  const local = await client.jobs.run({ device: "r2", commands: ["show clock"] });
  expect(local.state).toBe(JobState.SUCCEEDED);
  await eventually(async () => {
    const { attempts } = await client.jobs.get(later.id);
    expect(attempts.some(({ error }) => error?.reason === "NOT_REPLICATED")).toBe(true);
  }, 120_000);
  // It keeps nobody else from its device.
  const beside = await client.jobs.run({ device: "r1", commands: ["show clock"] });
  expect(beside.state).toBe(JobState.SUCCEEDED);
  expect(sent("clear counters 2")).toBe(0);

  replica.thaw();
  expect((await client.jobs.wait(later.id, { timeoutMs: 120_000 })).state).toBe(JobState.SUCCEEDED);
  expect(sent("clear counters 2")).toBe(1);
});

test("where the installation is set so, all work is; a run and each of its jobs", async () => {
  at = await startSystem({
    devices: [device("r1", { commands: [clear] }), device("r2", { commands: [clear] })],
    env: { POINTSMAN_DURABILITY: "replicated", POINTSMAN_REPLICA_TIMEOUT_MS: "1000" },
  });
  const { client, simulator } = at;
  const lines = (): string[] => simulator.journal().flatMap(({ line }) => (line.startsWith("clear") ? [line] : []));
  const alone = client.jobs.create({ device: "r1", commands: ["clear counters 1"] });
  await expect(alone).rejects.toMatchObject({ reason: "NOT_REPLICATED", message: expect.stringContaining("0 of 1") });
  const run = { devices: ["r1", "r2"], commands: ["clear counters run"] };
  await expect(client.runs.create(run, { requestId: "once" })).rejects.toMatchObject({ reason: "NOT_REPLICATED" });
  expect(lines()).toEqual([]);

  replica = await startReplica(at.redis.socketPath, join(at.dir, "replica"));
  const accepted = await eventually(() => client.runs.create(run, { requestId: "once" }), 120_000);
  await eventually(async () => {
    const { counts } = await client.runs.get(accepted.id);
    expect(counts?.succeeded).toBe(2);
  }, 120_000);
  expect(lines().filter((line) => line.endsWith("run"))).toHaveLength(2);
});
