import type { ConfigureInput } from "@pointsman/sdk";
import { type ConfigureResult, Effect, type Job, JobState } from "@pointsman/sdk/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.js";
import { device, startSystem, type System } from "../support/system.js";

let at: System;
beforeAll(async () => {
  const names = ["r1", "r2", "r3", "r4", "r5"].map((name) => device(name));
  const switches = ["sw1", "sw2"].map((name) => device(name, { platform: "arista_eos" }));
  at = await startSystem({ devices: [...names, ...switches] });
});
afterAll(() => at.close());

const lines = ["interface Loopback0", " description by pointsman"];
const checked = (text: string) => [{ command: "show running-config", include: [text] }];

/** Starts a change whose way to the device is cut in the answer to a line, and waits until the device is gone. */
async function cutAt(name: string, begin: string, input: ConfigureInput): Promise<string> {
  const simulated = at.simulator.device(name);
  await at.client.jobs.run({ device: name, commands: ["show clock"] });
  simulated.setFaults({ disconnectOnCommand: { matching: new RegExp(`^\\s*${begin}`), when: "in-answer", times: 1 } });
  simulated.stopListening();
  const { id } = await at.client.jobs.create({ device: name, configure: { lines, acceptUnproven: true, ...input } });
  await at.simulator.find((entry) => entry.device === name && entry.line.trim().startsWith(begin));
  await eventually(() => expect(simulated.connections).toBe(0));
  return id;
}

const result = (job: Job): ConfigureResult => job.result?.result.value as ConfigureResult;
const sent = (name: string, line: string): number =>
  at.simulator
    .device(name)
    .commands()
    .filter((one) => one.trim() === line).length;

describe("a change that cuts its own way to the device", () => {
  test("with its last line is done when the device is there again, and its checks hold", async () => {
    const input = { waitForReturnMs: 60_000, postChecks: checked("by pointsman"), save: true };
    const id = await cutAt("r1", "description by pointsman", input);
    await at.simulator.device("r1").listen();
    const job = await at.client.jobs.wait(id);
    expect(job).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.COMPLETE, lastConfirmedStep: 3 });
    expect(result(job)).toMatchObject({ committed: true, saved: true });
    expect(result(job).checks[0]).toMatchObject({ passed: true, after: true });
    expect(sent("r1", "description by pointsman")).toBe(1);
  });

  test("behind its last answer is done in the same way, and left in no configuration", async () => {
    const input = { waitForReturnMs: 60_000, postChecks: checked("by pointsman"), save: true };
    const id = await cutAt("r5", "end", input);
    await at.simulator.device("r5").listen();
    const job = await at.client.jobs.wait(id);
    expect(job).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.COMPLETE, lastConfirmedStep: 3 });
    expect(result(job).checks[0]).toMatchObject({ passed: true, after: true });
    expect(sent("r5", "end")).toBe(1);
  });

  test("has failed when they do not, and is not saved", async () => {
    const input = { waitForReturnMs: 60_000, postChecks: checked("not there"), save: true };
    const id = await cutAt("r2", "description by pointsman", input);
    await at.simulator.device("r2").listen();
    const job = await at.client.jobs.wait(id);
    expect(job).toMatchObject({ state: JobState.FAILED, effect: Effect.PARTIAL, error: { reason: "CHECK_FAILED" } });
    expect(result(job).saved).toBe(false);
  });

  test("before its last line is in doubt as ever: the rest is not typed", async () => {
    const id = await cutAt("r3", "interface Loopback0", { waitForReturnMs: 60_000 });
    await at.simulator.device("r3").listen();
    const job = await at.client.jobs.wait(id);
    expect(job).toMatchObject({ state: JobState.INDETERMINATE, lastIntendedStep: 1, lastConfirmedStep: 0 });
    expect(sent("r3", "description by pointsman")).toBe(0);
  });

  test("and whose device is not back in time is in doubt", async () => {
    const id = await cutAt("r4", "description by pointsman", { waitForReturnMs: 1_000 });
    const job = await at.client.jobs.wait(id);
    expect(job).toMatchObject({ state: JobState.INDETERMINATE, error: { reason: "DEVICE_NOT_RETURNED" } });
    await at.simulator.device("r4").listen();
    expect((await at.client.devices.get("r4")).status?.hold?.job).toBe(id);
  });

  test("with its commit is done, or confirmed, when the device is there again", async () => {
    const id = await cutAt("sw1", "commit", { waitForReturnMs: 60_000, postChecks: checked("by pointsman") });
    await at.simulator.device("sw1").listen();
    expect(await at.client.jobs.wait(id)).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.COMPLETE });
    expect(sent("sw1", "commit")).toBe(1);

    const confirmed = {
      mode: "apply-confirmed" as const,
      waitForReturnMs: 60_000,
      postChecks: checked("by pointsman"),
    };
    const timed = await cutAt("sw2", "commit timer", confirmed);
    await at.simulator.device("sw2").listen();
    const job = await at.client.jobs.wait(timed);
    expect(job).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.COMPLETE });
    expect(result(job)).toMatchObject({ committed: true, confirmed: true });
  });
});
