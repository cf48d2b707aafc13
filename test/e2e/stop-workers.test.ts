import { JobState, StoppedJobFate, WorkerState } from "@pointsman/sdk/v1";
import { afterEach, expect, test } from "vitest";
import { runCli } from "../cli/run-cli.js";
import { createDoor } from "../support/door.js";
import { eventually } from "../support/eventually.js";
import { device, startSystem, type System } from "../support/system.js";

let at: System;
afterEach(() => at.close());

test("stopping a worker with 50 running jobs names exactly those 50, and every device is free or held for one of them", async () => {
  const hang = { hang: { matching: /^slow|^show slow/, times: 1 } };
  const commands = [{ command: /slow/, output: "done\n", delayMs: 3_600_000 }];
  const names = Array.from({ length: 50 }, (_, index) => `r${index}`);
  at = await startSystem({ devices: names.map((name) => device(name, { commands, faults: hang })) });
  const { client, simulator, workers } = at;
  // Half of them read, half of them change.
  const jobs = await Promise.all(
    names.map((name, index) =>
      client.jobs.create({ device: name, commands: [index % 2 === 0 ? "show slow" : "slow reload"] }),
    ),
  );
  await eventually(() => {
    expect(simulator.journal().filter(({ line }) => /slow/.test(line ?? ""))).toHaveLength(50);
  });
  const worker = await eventually(async () => {
    const [found] = await client.workers.list();
    expect(found).toMatchObject({ state: WorkerState.BUSY, deviceCount: 50 });
    return found;
  });

  const answer = await client.workers.stop({ names: [worker!.name] }, { mode: "now", waitMs: 60_000, reason: "test" });
  const ids = jobs.map(({ id }) => id).sort();
  expect(answer.jobs.map(({ id }) => id).sort()).toEqual(ids);
  expect([...answer.interruptedJobs].sort()).toEqual(ids);
  expect(answer.workers).toMatchObject([{ name: worker!.name, state: WorkerState.DEAD }]);
  const changes = new Set(jobs.filter((_, index) => index % 2 === 1).map(({ id }) => id));
  for (const job of answer.jobs) {
    const changed = changes.has(job.id);
    expect(job).toMatchObject({
      fate: changed ? StoppedJobFate.INDETERMINATE : StoppedJobFate.HANDED_BACK,
      state: changed ? JobState.INDETERMINATE : JobState.QUEUED,
      holdsDevice: changed,
    });
    const { status } = await client.devices.get(job.device);
    expect(status).toMatchObject({ owner: "" });
    expect(status?.hold?.job).toBe(changed ? job.id : undefined);
  }
  await new Promise<void>((resolve) => {
    const { child } = workers[0]!;
    if (child.exitCode === null) child.once("exit", () => resolve());
    else resolve();
  });
  expect(workers[0]!.child.exitCode).toBe(0);
});

test("a suspended worker takes nothing until it is resumed, and one that drains finishes what runs and ends", async () => {
  const answer = createDoor();
  const delay = { matching: "show clock", until: answer.opened };
  at = await startSystem({ devices: [device("r1", { faults: { delay } }), device("r2")] });
  const { client, url, workers } = at;
  const [worker] = await client.workers.list();
  const { name } = worker!;
  await runCli(["workers", "suspend", name, "--reason", "works"], { url });
  await workers[0]!.logged("this worker was told what to do");
  const waiting = await client.jobs.create({ device: "r2", commands: ["show clock"] });
  expect((await client.jobs.get(waiting.id)).state).toBe(JobState.QUEUED);
  expect((await client.workers.get(name)).state).toBe(WorkerState.SUSPENDED);
  expect((await runCli(["workers", "resume", name], { url })).status).toBe(0);
  expect((await client.jobs.wait(waiting.id)).state).toBe(JobState.SUCCEEDED);

  const running = await client.jobs.create({ device: "r1", commands: ["show clock"] });
  await eventually(async () => expect((await client.jobs.get(running.id)).state).toBe(JobState.RUNNING));
  const stopping = runCli(["workers", "stop", name, "--wait", "60s"], { url });
  await eventually(() => expect(workers[0]!.log.join("\n")).toContain('"order":"DRAIN"'));
  answer.open();
  const { stdout } = await stopping;
  expect(stdout).toMatch(new RegExp(`${running.id} +r1 +ended +succeeded`));
  expect((await client.jobs.get(running.id)).state).toBe(JobState.SUCCEEDED);
});
