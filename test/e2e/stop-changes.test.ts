import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import {
  CommandStatus,
  type ConfigureResult,
  Effect,
  type Job,
  JobState,
  type ShellResult,
  WaitingReason,
} from "@pointsman/sdk/v1";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { runCli } from "../cli/run-cli.js";
import { createDoor } from "../support/door.js";
import { eventually } from "../support/eventually.js";
import { device, startSystem, type System } from "../support/system.js";

let at: System;
beforeAll(async () => {
  at = await startSystem({
    devices: [...["r1", "r2", "r3", "r4", "r5"].map((name) => device(name)), device("sw1", { platform: "arista_eos" })],
    workers: 0,
  });
  await at.startWorker({ POINTSMAN_NODE: "alpha", POINTSMAN_SHELL_COMMANDS: "sh" });
});
afterAll(() => at.close());
afterEach(async () => {
  await at.client.policies.allowChanges();
});

const lines = ["interface Loopback0", " description by pointsman", "ip domain-name example.net"];
const running = (name: string): string => at.simulator.device(name).runningConfig;

/** Stops changes while a line is under way, which is answered when the worker knows. */
async function stopDuring(name: string, start: () => Promise<Job>): Promise<Job> {
  const answer = createDoor();
  at.simulator.device(name).setFaults({ delay: { matching: /by pointsman/, until: answer.opened } });
  const { id } = await start();
  await at.simulator.find((entry) => entry.device === name && entry.line.includes("by pointsman"));
  await at.client.policies.stopChanges("fire in the datacentre");
  await at.toldToStop(id);
  answer.open();
  return at.client.jobs.wait(id);
}

const configure =
  (name: string, more: object = {}) =>
  () =>
    at.client.jobs.create({ device: name, configure: { lines, acceptUnproven: true, ...more } });

function statuses(job: Job): CommandStatus[] {
  return (job.result?.result.value as ConfigureResult).lines.map(({ status }) => status);
}

describe("stopping changes", () => {
  test("lets the line that is under way be answered, and sends no other", async () => {
    const job = await stopDuring("r1", configure("r1"));
    expect(job).toMatchObject({ state: JobState.FAILED, effect: Effect.PARTIAL, lastConfirmedStep: 2 });
    expect(job.error?.reason).toBe("CHANGES_STOPPED");
    expect(job.error?.message).toContain("fire in the datacentre");
    expect(statuses(job)).toEqual([CommandStatus.OK, CommandStatus.OK, CommandStatus.SKIPPED]);
    expect(at.simulator.device("r1").commands().at(-1)).toBe("end");
  });

  test("discards a candidate", async () => {
    const before = running("sw1");
    const job = await stopDuring("sw1", configure("sw1"));
    expect(job).toMatchObject({ state: JobState.FAILED, effect: Effect.NONE });
    expect(job.error?.reason).toBe("CHANGES_STOPPED");
    expect(running("sw1")).toBe(before);
  });

  test("stops commands that change, between two of them", async () => {
    const commands = ["configure terminal", "interface Loopback0", "description by pointsman", "ip domain-name x.net"];
    const job = await stopDuring("r2", () =>
      at.client.jobs.create({ device: "r2", commands, privilege: "enable" }).then((created) => created),
    );
    expect(job).toMatchObject({ state: JobState.FAILED, effect: Effect.PARTIAL, lastConfirmedStep: 3 });
    expect(job.error?.reason).toBe("CHANGES_STOPPED");
    expect(running("r2")).not.toContain("x.net");
  });

  test("lets a program that runs come to its end", async () => {
    const go = join(await mkdtemp(join(tmpdir(), "pointsman-stop-")), "go");
    onTestFinished(() => rm(dirname(go), { recursive: true }));
    const script = `echo begun; while [ ! -e ${go} ]; do sleep 0.1; done; echo done; exit 3`;
    const { id } = await at.client.jobs.create({ node: "alpha", shell: ["sh", "-c", script] });
    await eventually(async () => expect((await at.client.jobs.get(id)).outputBytes).toBeGreaterThan(0));
    const other = await stopDuring("r4", configure("r4"));
    expect(other.error?.reason).toBe("CHANGES_STOPPED");
    await writeFile(go, "");
    const job = await at.client.jobs.wait(id);
    expect(job).toMatchObject({ state: JobState.FAILED, error: { reason: "PROGRAM_FAILED" } });
    expect((job.result?.result.value as ShellResult).stdout).toBe("begun\ndone\n");
  });

  test("keeps changes waiting that come later, and says why; reads and plans go on", async () => {
    await at.client.policies.stopChanges("audit");
    const { id } = await configure("r3")();
    expect(await at.client.jobs.get(id)).toMatchObject({
      waitingReason: WaitingReason.FROZEN,
      blockingPolicy: "stop/changes",
    });
    const read = await at.client.jobs.run({ device: "r3", commands: ["show version"] });
    const plan = await at.client.jobs.run({ device: "r3", configure: { lines, mode: "plan", acceptUnproven: true } });
    expect([read.state, plan.state]).toEqual([JobState.SUCCEEDED, JobState.SUCCEEDED]);
    const refused = await at.client.jobs.run({
      device: "r4",
      configure: { lines, acceptUnproven: true },
      failIfBlocked: true,
    });
    expect(refused).toMatchObject({ state: JobState.FAILED, error: { reason: "CHANGES_FROZEN" } });
    expect((await at.client.queues.overview()).changeStop?.reason).toBe("audit");

    await at.client.policies.allowChanges();
    expect(await at.client.jobs.wait(id)).toMatchObject({ state: JobState.SUCCEEDED });
  });
});

test("the commands of an operator do the same", async () => {
  const cli = (...words: string[]) => runCli(words, { url: at.url });
  expect((await cli("stop-changes", "--reason", "audit")).stdout).toMatch(/^changes are stopped by .+: audit\n$/);
  expect((await cli("queues")).stderr).toContain("changes are stopped by");
  const { id } = await configure("r5")();
  expect((await cli("job", id)).stdout).toContain("`pointsman allow-changes`");
  expect((await cli("allow-changes")).stdout).toContain("changes go on");
  await at.client.jobs.wait(id);

  const made = await cli("freezes", "create", "xmas", "--device", "r5", "--for", "8h", "--reason", "holidays");
  expect(made).toMatchObject({ status: 0, stderr: "" });
  expect(made.stdout).toMatch(/^xmas: no change starts now until .* on r5\n$/);
  expect((await cli("freezes")).stdout).toMatch(/xmas +yes +r5/);
  const second = await configure("r5")();
  expect((await cli("job", second.id)).stdout).toContain("`pointsman freezes delete xmas`");
  expect((await cli("freezes", "delete", "xmas")).status).toBe(0);
  expect(await at.client.jobs.wait(second.id)).toMatchObject({ state: JobState.SUCCEEDED });

  const night = ["--cron", "0 2 * * TUE", "--for", "3h", "--time-zone", "Europe/Berlin", "--reason", "nights"];
  expect((await cli("windows", "create", "night", ...night)).stdout).toContain("for everything");
  expect((await cli("windows", "create", "bad", ...night.with(1, "61 2 * * *"))).stderr).toContain(
    "window.times[0].cron",
  );
  expect((await cli("windows", "delete", "night")).status).toBe(0);
  expect((await cli("freezes", "create", "x", "--device", "nope", "--reason", "r")).stderr).toContain("no device nope");
});
