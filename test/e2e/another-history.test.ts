import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { JobState } from "@pointsman/sdk/v1";
import { afterEach, expect, test } from "vitest";
import { type PrivateRedis, startPrivateRedis } from "../../src/dev/private-redis.js";
import { eventually } from "../support/eventually.js";
import { device, startSystem, type System } from "../support/system.js";

let at: System;
let again: PrivateRedis | undefined;
afterEach(async () => {
  await at.close();
  await again?.stop();
  again = undefined;
});

const clear = { command: /^clear counters/, output: "cleared\n" };

const copyOf = (dir: string): string => join(dir, "copy");
const logOf = (dir: string): string => join(dir, "redis", "appendonlydir");

/** Keeps a copy of everything that Redis has on disk. */
async function keepCopy(): Promise<void> {
  await cp(logOf(at.dir), copyOf(at.dir), { recursive: true });
}

/** Ends Redis and starts it again, with the copy in the place of what it had. */
async function comeBack({ withCopy }: { readonly withCopy: boolean }): Promise<void> {
  await at.redis.stop();
  if (withCopy) {
    await rm(logOf(at.dir), { recursive: true });
    await cp(copyOf(at.dir), logOf(at.dir), { recursive: true });
  }
  again = await startPrivateRedis({ dir: join(at.dir, "redis") });
}

const sent = (line: string): number => at.simulator.journal().filter((entry) => entry.line === line).length;

test("Redis comes back with older data: what was changed is known again, what goes on ends, nothing is sent twice", async () => {
  const slow = { command: /^slow/, output: "done\n", delayMs: 10_000 };
  at = await startSystem({ devices: [device("r1", { commands: [clear] }), device("r2", { commands: [slow] })] });
  const { client } = at;
  await client.jobs.run({ device: "r1", commands: ["clear counters 0"] });
  await keepCopy();

  const change = { device: "r1", commands: ["clear counters 1"] };
  const made = await client.jobs.run(change, { requestId: "first" });
  expect(made.state).toBe(JobState.SUCCEEDED);
  const going = await client.jobs.create({ device: "r2", commands: ["slow reload"] });
  await at.simulator.find((entry) => entry.line === "slow reload");
  await comeBack({ withCopy: true });

  // The change is known by its request again, and is not made again.
  const repeated = await eventually(() => client.jobs.create(change, { requestId: "first" }), 120_000);
  expect(repeated.id).toBe(made.id);
  expect(repeated.state).toBe(JobState.SUCCEEDED);
  const ended = await client.jobs.wait(going.id, { timeoutMs: 120_000 });
  expect(ended.state).toBe(JobState.SUCCEEDED);
  expect(ended.attempts).toHaveLength(1);
  await client.jobs.run({ device: "r1", commands: ["clear counters 2"] });
  const lines = ["clear counters 0", "clear counters 1", "slow reload", "clear counters 2"];
  expect(lines.map(sent)).toEqual([1, 1, 1, 1]);
});

test("a worker that is gone and whose claim is forgotten: its successor reads its journal, and nothing is sent twice", async () => {
  const slow = { command: /^slow/, output: "done\n", delayMs: 3_600_000 };
  at = await startSystem({ devices: [device("r1", { commands: [slow] })], workers: 0 });
  const { client } = at;
  const job = await client.jobs.create({ device: "r1", commands: ["slow reload"] });
  await keepCopy();
  const lost = await at.startWorker();
  await at.simulator.find((entry) => entry.line === "slow reload");
  await lost.kill();
  await comeBack({ withCopy: true });
  await at.startWorker();
  const doubt = await client.jobs.wait(job.id, { timeoutMs: 120_000 });
  expect(doubt.state).toBe(JobState.INDETERMINATE);
  expect(doubt.attempts).toHaveLength(1);
  expect((await client.devices.get("r1")).status?.hold?.job).toBe(job.id);
  expect(sent("slow reload")).toBe(1);
});

test("a journal that stays away: no device takes a change before it returns or somebody gives it up, and reads go on", async () => {
  const slow = { command: /^slow/, output: "done\n", delayMs: 3_600_000 };
  at = await startSystem({
    devices: [device("r1", { commands: [slow, clear] }), device("r2", { commands: [clear] }), device("r3")],
    workers: 0,
  });
  const { client } = at;
  const dir = join(at.dir, "elsewhere");
  const lost = await at.startWorker({ POINTSMAN_JOURNAL_DIR: dir });
  // One device it works on, another it has a session to.
  await client.jobs.run({ device: "r2", commands: ["clear counters"] });
  const job = await client.jobs.create({ device: "r1", commands: ["slow reload"] });
  await at.simulator.find((entry) => entry.line === "slow reload");
  const [{ name } = { name: "" }] = await client.workers.list();
  await lost.kill();
  await rm(dir, { recursive: true });
  await comeBack({ withCopy: false });
  await at.startWorker();
  const doubt = await client.jobs.wait(job.id, { timeoutMs: 120_000 });
  expect(doubt.state).toBe(JobState.INDETERMINATE);
  const held = (await client.devices.get("r2")).status?.hold;
  expect(held).toMatchObject({ worker: name, job: "" });

  // What Redis forgot of that worker may be about any device, also one of which it is not known to have had a session.
  const elsewhere = { device: "r3", commands: ["clear counters"] };
  await expect(client.jobs.create(elsewhere)).rejects.toMatchObject({
    reason: "STORE_RECONCILING",
    metadata: { workers: name },
  });
  await client.jobs.run({ device: "r3", commands: ["show clock"] });
  await client.jobs.run({ device: "r2", commands: ["show clock"] });
  expect(await client.workers.forget(name)).toBe(2);
  expect((await client.jobs.run({ device: "r2", commands: ["clear counters 2"] })).state).toBe(JobState.SUCCEEDED);
  // The doubt about the change itself is still a person's to settle.
  expect((await client.devices.get("r1")).status?.hold?.job).toBe(job.id);
  await client.jobs.resolve(job.id, { kind: "applied", reason: "looked" });
  await expect(client.workers.forget("nobody-1-00")).rejects.toMatchObject({ reason: "WORKER_NOT_FOUND" });
});

test("a job that a task waits for and that is forgotten is asked for again, under its id, and done once", async () => {
  let answer: () => void = () => undefined;
  const until = new Promise<void>((resolve) => (answer = resolve));
  const slow = { delay: { matching: "clear counters 1", until } };
  at = await startSystem({
    devices: [device("r1", { commands: [clear] }), device("r2", { commands: [clear], faults: slow })],
    env: { POINTSMAN_TASK_MODULES: "test/e2e/tasks/fleet.mjs" },
  });
  const { client } = at;
  const childOn = async (name: string): Promise<string> => {
    for await (const { event } of client.jobs.events(id, { kinds: ["log"] })) {
      const said = event.case === "log" ? /^job (\w{26}) on (\S+)$/.exec(event.value.message) : null;
      if (said?.[2] === name) return said[1] ?? "";
    }
    throw new Error(`no job on ${name} yet`);
  };
  await client.queues.pause("device/r1");
  const inTurn = [
    { on: "r2", run: "clear counters 1" },
    { on: "r1", run: "clear counters 2" },
  ];
  const { id } = await client.jobs.create({ task: { type: "fleet.changes", input: { inTurn } } });
  await at.simulator.find((entry) => entry.line === "clear counters 1");
  await keepCopy();
  answer();
  const forgotten = await eventually(() => childOn("r1"));
  await comeBack({ withCopy: true });
  await eventually(() => client.queues.resume("device/r1"), 60_000);
  const child = await eventually(() => client.jobs.wait(forgotten), 120_000);
  expect(child).toMatchObject({ state: JobState.SUCCEEDED, parentJob: id });
  const job = await client.jobs.wait(id, { timeoutMs: 120_000 });
  expect(job).toMatchObject({ state: JobState.SUCCEEDED });
  expect(["clear counters 1", "clear counters 2"].map(sent)).toEqual([1, 1]);
});
