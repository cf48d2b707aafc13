import type { CommandInput, JobInput } from "@pointsman/sdk";
import { type CommandResult, CommandStatus, Effect, type Job, JobState } from "@pointsman/sdk/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCli } from "../cli/run-cli.js";
import { eventually } from "../support/eventually.js";
import { device, startSystem, type System } from "../support/system.js";

let at: System;
const names = Array.from({ length: 10 }, (_, i) => `r${i}`);
beforeAll(async () => {
  at = await startSystem({ devices: names.map((name) => device(name, { facts: { serial: `FTX-${name}` } })) });
});
afterAll(() => at.close());

const simulated = (name: string) => at.simulator.device(name);
const typed = (name: string, line: string): number =>
  simulated(name)
    .commands()
    .filter((one) => one === line).length;
const reload = (waitForReturn?: CommandInput["waitForReturn"]): CommandInput => ({
  ...{ command: "reload", answers: { "[confirm]": "" }, expectDisconnect: true, waitForReturn },
});

/** Starts work that makes a device reload, and waits until the device has gone; it is not back before it listens. */
async function goAway(name: string, commands: JobInput["commands"], more: Partial<JobInput> = {}): Promise<string> {
  await at.client.jobs.run({ device: name, commands: ["show clock"] });
  simulated(name).stopListening();
  const wish = { device: name, commands, privilege: "enable", liftedCommands: ["reload"], ...more } as JobInput;
  const { id } = await at.client.jobs.create(wish);
  await at.simulator.find((entry) => entry.device === name && entry.line === "reload");
  await eventually(() => expect(simulated(name).connections).toBe(0));
  return id;
}

function resultsOf(job: Job): readonly CommandResult[] {
  return job.result?.result.case === "commands" ? job.result.result.value.commands : [];
}

describe("a device that reloads", () => {
  test("is waited for, logged in to afresh and checked, and the work goes on there", async () => {
    const checks = [{ command: "show version", include: ["Version 15.7"] }];
    const commands = ["write memory", reload({ withinMs: 60_000, checks }), "show privilege", "show clock"];
    simulated("r0").addCommand({ command: "show privilege", output: "Current privilege level is 15\n" });
    const id = await goAway("r0", commands, { expect: { serial: "FTX-r0" } });
    expect((await at.client.jobs.get(id)).state).toBe(JobState.RUNNING);
    await simulated("r0").listen();
    const job = await at.client.jobs.wait(id);
    expect(job).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.COMPLETE, lastConfirmedStep: 4 });
    expect(resultsOf(job).map(({ status }) => status)).toEqual(Array(4).fill(CommandStatus.OK));
    expect(resultsOf(job).map(({ disconnected }) => disconnected)).toEqual([false, true, false, false]);
    expect(resultsOf(job).map(({ sessionReused }) => sessionReused)).toEqual([true, true, false, false]);
    expect(typed("r0", "reload")).toBe(1);
    // Once by the first session and once by the one that came after, beside the check.
    expect(typed("r0", "show version")).toBe(3);
    expect(typed("r0", "enable")).toBe(2);
  });

  test("that is not back in time leaves the outcome open and the device held", async () => {
    const id = await goAway("r1", [reload({ withinMs: 1_500 }), "show clock"]);
    const job = await at.client.jobs.wait(id);
    expect(job).toMatchObject({ state: JobState.INDETERMINATE, lastIntendedStep: 1, lastConfirmedStep: 0 });
    expect(job.error).toMatchObject({ reason: "DEVICE_NOT_RETURNED" });
    expect(job.error?.message).toContain("was not back within 1.5 s");
    await simulated("r1").listen();
    expect((await at.client.devices.get("r1")).status?.hold?.job).toBe(id);
    expect(typed("r1", "reload")).toBe(1);
    await at.client.jobs.resolve(id, { kind: "applied", reason: "it is back" });
  });

  test("of which a check does not hold has done the line, and no more is sent", async () => {
    const checks = [
      { command: "show version", include: ["Version 16.1"], exclude: ["15.7"] },
      { command: "show clock", include: ["UTC"] },
    ];
    const id = await goAway("r2", [reload({ checks }), "show ip route"]);
    await simulated("r2").listen();
    const job = await at.client.jobs.wait(id);
    expect(job).toMatchObject({ state: JobState.FAILED, effect: Effect.PARTIAL, lastConfirmedStep: 1 });
    expect(job.error?.reason).toBe("CHECK_FAILED");
    expect(job.error?.message).toContain('show version: "Version 16.1" is missing, "15.7" is there');
    expect(typed("r2", "show ip route")).toBe(0);
  });

  test("that comes back as another one leaves the outcome open", async () => {
    const id = await goAway("r3", [reload({ withinMs: 60_000 }), "show clock"], { expect: { serial: "FTX-r3" } });
    simulated("r3").addCommand({ command: "show version", output: "Processor board ID FTX-other\n" });
    await simulated("r3").listen();
    const job = await at.client.jobs.wait(id);
    expect(job).toMatchObject({
      ...{ state: JobState.INDETERMINATE, lastIntendedStep: 1, lastConfirmedStep: 0 },
      error: { reason: "DEVICE_IDENTITY_MISMATCH", metadata: { told: "ftx-other" } },
    });
  });

  test("is not waited for when nobody asks for that", async () => {
    const id = await goAway("r4", [reload()]);
    expect(await at.client.jobs.wait(id)).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.COMPLETE });
    await simulated("r4").listen();
  });

  test("is not waited for any longer when the work is cancelled", async () => {
    const id = await goAway("r5", [reload({ withinMs: 60_000 })]);
    await at.client.jobs.cancel(id, { interruptRunning: true });
    expect(await at.client.jobs.wait(id)).toMatchObject({ state: JobState.INDETERMINATE });
    await simulated("r5").listen();
  });

  test("whose worker is killed meanwhile reloads once, and its outcome is unknown", async () => {
    const id = await goAway("r6", [reload({ withinMs: 60_000 }), "show ip route"]);
    await at.workers[0]?.kill();
    await simulated("r6").listen();
    await at.startWorker();
    const job = await at.client.jobs.wait(id);
    expect(job).toMatchObject({ state: JobState.INDETERMINATE, lastIntendedStep: 1, lastConfirmedStep: 0 });
    expect([typed("r6", "reload"), typed("r6", "show ip route")]).toEqual([1, 0]);
    expect((await at.client.devices.get("r6")).status?.hold?.job).toBe(id);
  });
});

describe("a line that is answered before the device goes away", () => {
  const later = (withinMs: number): CommandInput => ({ command: "restart soon", waitForReturn: { withinMs } });
  const run = async (name: string, withinMs: number): Promise<string> => {
    simulated(name).addCommand({ command: "restart soon", output: "Restarting in a moment\n" });
    const { id } = await at.client.jobs.create({ device: name, commands: [later(withinMs), "show clock"] });
    await at.simulator.find((entry) => entry.device === name && entry.line === "restart soon");
    return id;
  };

  test("is waited for too: first for its going", async () => {
    const id = await run("r7", 60_000);
    await eventually(async () => expect((await at.client.jobs.get(id)).lastConfirmedStep).toBe(1));
    simulated("r7").disconnectAll();
    const job = await at.client.jobs.wait(id);
    expect(job).toMatchObject({ state: JobState.SUCCEEDED, lastConfirmedStep: 2 });
    expect(resultsOf(job).map(({ disconnected }) => disconnected)).toEqual([false, false]);
    expect(resultsOf(job)[0]?.output).toContain("Restarting in a moment");
  });

  test("is done when it does not go, and the work has failed", async () => {
    const job = await at.client.jobs.wait(await run("r8", 800));
    expect(job).toMatchObject({ state: JobState.FAILED, effect: Effect.PARTIAL, lastConfirmedStep: 1 });
    expect(job.error).toMatchObject({ reason: "DEVICE_NOT_RETURNED" });
    expect(job.error?.message).toContain("did not go away");
    expect(typed("r8", "show clock")).toBe(0);
  });
});

test("what could not be done is refused at once", async () => {
  const refused = (...commands: (CommandInput | string)[]) =>
    expect(at.client.jobs.create({ device: "r9", commands, liftedCommands: ["reload"] })).rejects.toMatchObject({
      reason: "INVALID_REQUEST",
    });
  await refused(reload(), "show clock");
  await refused({ command: "reload", expectDisconnect: false, waitForReturn: {} });
  await refused(reload({ checks: [{ command: "clear counters" }] }));
});

test("the command does the same", async () => {
  await at.client.jobs.run({ device: "r9", commands: ["show clock"] });
  const words = ["--enable", "--lift", "reload", "--answer", "[confirm]=", "--wait-for-return", "1m"];
  const text = await runCli(["exec", "r9", ...words, "--check", "show version=Version 15.7", "--", "reload"], {
    url: at.url,
  });
  expect(text).toMatchObject({ status: 0 });
  expect(typed("r9", "reload")).toBe(1);
  const alone = await runCli(["exec", "r9", "--check", "show version=x", "--", "show clock"], { url: at.url });
  expect(alone.stderr).toContain("--check needs --wait-for-return");
});
