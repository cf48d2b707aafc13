import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { commandResults } from "@pointsman/sdk";
import { CommandStatus, Effect, JobState, WaitingReason } from "@pointsman/sdk/v1";
import { afterEach, describe, expect, test } from "vitest";
import { freePort } from "../support/free-port.js";
import { device, startOurs, startSystem, type System } from "../support/system.js";

let at: System;
afterEach(() => at.close());

/** A reaper waits 15 s, and what it frees is taken within five seconds more; the machine may be busy. */
const endedWithinMs = 120_000;

describe("kill -9 of the worker in the middle of a job", () => {
  test("a read-only job is finished by another when the lease is over; any other is INDETERMINATE and its device held", async () => {
    const slow = { command: /^slow/, output: "begun\n", delayMs: 3_600_000 };
    const stuck = { hang: { matching: /^slow/, times: 1 } };
    at = await startSystem({
      devices: [
        device("reads", {
          commands: [{ command: /^show slow/, output: "read it\n" }],
          faults: { hang: { matching: "show slow", times: 1 } },
        }),
        device("changes", { commands: [slow], faults: stuck }),
      ],
    });
    const { client, simulator, workers } = at;
    const read = await client.jobs.create({ device: "reads", commands: ["show slow"] });
    const change = await client.jobs.create({
      device: "changes",
      commands: ["show clock", "slow reload of everything"],
    });
    await Promise.all(
      ["show slow", "slow reload of everything"].map((line) => simulator.find((entry) => entry.line === line)),
    );
    const behind = await client.jobs.create({ device: "changes", commands: ["clear counters"] });
    await at.startWorker();
    await workers[0]!.kill();

    const done = await client.jobs.wait(read.id, { timeoutMs: endedWithinMs });
    expect(done.state).toBe(JobState.SUCCEEDED);
    expect(done.attempts).toHaveLength(2);
    expect(done.attempts[0]?.error?.reason).toBe("WORKER_LOST");

    const doubt = await client.jobs.wait(change.id, { timeoutMs: endedWithinMs });
    expect(doubt).toMatchObject({ state: JobState.INDETERMINATE, lastIntendedStep: 2, lastConfirmedStep: 1 });
    expect(doubt.error?.reason).toBe("WORKER_LOST");
    const [clock, slowOne] = commandResults(doubt);
    expect(clock).toMatchObject({ command: "show clock", status: CommandStatus.OK });
    expect(clock?.output).toMatch(/UTC/);
    expect(slowOne).toMatchObject({ command: "slow reload of everything", status: CommandStatus.INTERRUPTED });
    expect((await client.devices.get("changes")).status?.hold?.job).toBe(change.id);
    expect(await client.jobs.get(behind.id)).toMatchObject({
      state: JobState.QUEUED,
      waitingReason: WaitingReason.HELD,
      blockingJob: change.id,
    });
    await client.jobs.run({ device: "changes", commands: ["show clock"] });
    const { rerunJob } = await client.jobs.resolve(change.id, { kind: "rerun", reason: "it did not happen" });
    expect(rerunJob?.id).toBeDefined();
    const freed = await client.jobs.wait(behind.id);
    expect(freed.state).not.toBe(JobState.QUEUED);
    const sent = simulator.journal().filter((entry) => entry.line === "slow reload of everything");
    expect(sent.length).toBeLessThanOrEqual(2);

    const { worker } = await workers[0]!.logged("worker ready");
    const journal = (await readdir(join(at.dir, "journal"))).find((name) => name.startsWith(String(worker)));
    expect(await readFile(join(at.dir, "journal", journal!), "utf8")).toContain(`"intent"`);
  });

  test("the server may die at any time: nothing is lost, and a watch goes on with another server on the same address", async () => {
    // A port that nobody else comes upon before the next server takes it.
    const env = { POINTSMAN_PORT: String(await freePort()) };
    at = await startSystem({ devices: [device("r1", { faults: { delay: { ms: 1_500 } } })], env });
    const { client, server } = at;
    const job = await client.jobs.create({ device: "r1", commands: ["show clock", "show version"] });
    const numbers: number[] = [];
    let killed = false;
    for await (const item of client.jobs.watch(job.id)) {
      if (item.kind !== "event") continue;
      numbers.push(item.event.number);
      if (item.event.event.case === "stateChanged" && item.event.event.value.state === JobState.RUNNING && !killed) {
        killed = true;
        await server.kill();
        const next = startOurs(["server"], at.env);
        await next.logged("server ready");
        at.workers.push(next);
      }
    }
    expect(killed).toBe(true);
    expect(numbers).toEqual(numbers.map((_, i) => i + 1));
    expect((await client.jobs.get(job.id)).state).toBe(JobState.SUCCEEDED);
  });
});

describe("stopping a worker in good order", () => {
  test("work that has not passed its point of no return is handed back and done by another, not counted as an attempt lost", async () => {
    at = await startSystem({ devices: [device("r1", { faults: { hang: { matching: "show clock", times: 1 } } })] });
    const { client, simulator, workers } = at;
    const job = await client.jobs.create({ device: "r1", commands: ["show clock"] });
    await simulator.find((entry) => entry.line === "show clock");
    await at.startWorker();
    await workers[0]!.stop();
    const done = await client.jobs.wait(job.id);
    expect(done.state).toBe(JobState.SUCCEEDED);
    expect(done.attempts).toHaveLength(2);
    expect(workers[0]!.child.exitCode).toBe(0);
    const { workers: list } = { workers: await client.workers.list() };
    expect(list.find(({ name }) => name === done.attempts[0]?.worker)?.state).toBe(4);
  });

  test("a change that is being answered is let finish; one that is not answered ends in doubt, never repeated", async () => {
    at = await startSystem({
      devices: [device("r1", { faults: { hang: { matching: "clear counters" } } }), device("r2")],
    });
    const { client, simulator, workers } = at;
    const job = await client.jobs.create({ device: "r1", commands: ["clear counters"] });
    await simulator.find((entry) => entry.line === "clear counters");
    await workers[0]!.stop();
    const doubt = await client.jobs.get(job.id);
    expect(doubt.state).toBe(JobState.INDETERMINATE);
    expect(doubt.effect).toBe(Effect.UNSPECIFIED);
    expect(simulator.journal().filter((entry) => entry.line === "clear counters")).toHaveLength(1);
  });
});
