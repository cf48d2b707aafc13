import type { ConfigureInput } from "@pointsman/sdk";
import { type ConfigureResult, Effect, type Job, JobState } from "@pointsman/sdk/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createDoor } from "../support/door.js";
import { eventually } from "../support/eventually.js";
import { lostAt } from "../support/lost-at.js";
import { device, startSystem, type System } from "../support/system.js";

const archive = "hostname r\narchive\n path flash:backup\ninterface Loopback0\n description old\n";

let at: System;
beforeAll(async () => {
  const routers = ["r-read", "r-armed", "r-cut", "r-one"].map((name) => device(name, { config: archive }));
  const switches = ["sw-away", "sw-deaf"].map((name) => device(name, { platform: "arista_eos" }));
  at = await startSystem({ devices: [...routers, ...switches] });
});
afterAll(() => at.close());

const timed = {
  lines: ["interface Loopback0", " description new"],
  mode: "apply-confirmed",
  acceptUnproven: true,
} as const;
const create = async (name: string, input: Partial<ConfigureInput> = {}): Promise<string> =>
  (await at.client.jobs.create({ device: name, configure: { ...timed, ...input } })).id;
const result = (job: Job): ConfigureResult => job.result?.result.value as ConfigureResult;
const running = (name: string): string => at.simulator.device(name).runningConfig;
const arming = "configure terminal revert timer 5";
const takenBack = { state: JobState.FAILED, effect: Effect.NONE } as const;

/** Whether the device waits for a confirmation, asked by somebody else: only a device that does not has words for it. */
async function waits(name: string): Promise<boolean> {
  const job = await at.client.jobs.run({ device: name, commands: ["configure confirm"], privilege: "enable" });
  if (job.result?.result.case !== "commands") throw new Error(job.error?.message ?? "no result");
  return job.result.result.value.commands[0]?.output === "";
}

test("a device with room for one session is confirmed, or taken back, by another one in its place", async () => {
  await at.client.devices.update("r-one", { maxSessions: 1 });
  const check = (text: string) => [{ command: "show running-config", include: [text] }];
  const failed = await at.client.jobs.wait(await create("r-one", { postChecks: check("not there") }));
  expect(failed).toMatchObject({ ...takenBack, error: { reason: "CHECK_FAILED" } });
  expect(result(failed).rolledBack).toBe(true);
  expect(running("r-one")).toContain(" description old");
  const good = await at.client.jobs.wait(await create("r-one", { postChecks: check("description new"), save: true }));
  expect(good).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.COMPLETE });
  expect(result(good)).toMatchObject({ confirmed: true, saved: true });
  expect(running("r-one")).toContain(" description new");
  const sessions = at.simulator.journal().flatMap((entry) => (entry.device === "r-one" ? [entry.session] : []));
  // None comes back once another one was opened.
  const changes = sessions.filter((session, index) => session !== sessions[index - 1]);
  expect(changes).toHaveLength(new Set(sessions).size);
});

test("a change that one session could not confirm is refused, by the server or before the first line", async () => {
  const place = { address: "127.0.0.1", port: 1, platform: "huawei_vrp8" };
  const { credential } = await at.client.devices.get("r-one");
  await at.client.devices.create({ name: "narrow", ...place, credential, maxSessions: 1 });
  await expect(create("narrow")).rejects.toMatchObject({
    reason: "INVALID_REQUEST",
    fieldViolations: [{ field: "job.configure.mode" }],
  });
  await at.client.devices.update("narrow", { maxSessions: 2 });
  await at.client.queues.pause("device/narrow");
  const id = await create("narrow");
  await at.client.devices.update("narrow", { maxSessions: 1 });
  await at.client.queues.resume("device/narrow");
  expect(await at.client.jobs.wait(id)).toMatchObject({
    ...takenBack,
    error: { reason: "UNSUPPORTED_BY_PLATFORM", metadata: { max_sessions: "1" } },
  });
});

describe("a timer that runs on the device", () => {
  test("is not left running when the device is lost before it was read what the lines made of it", async () => {
    const cut = { matching: "end", when: "after-answer", times: 1 } as const;
    at.simulator.device("r-read").setFaults({ disconnectOnCommand: cut });
    const job = await at.client.jobs.wait(await create("r-read", { keepBeforeAfter: true }));
    expect(job).toMatchObject(takenBack);
    expect(result(job).rolledBack).toBe(true);
    expect(running("r-read")).toContain(" description old");
    expect(await waits("r-read")).toBe(false);
  });

  test("is not left to a later change when the work is stopped before its first line", async () => {
    const answer = createDoor();
    at.simulator.device("r-armed").setFaults({ delay: { matching: arming, until: answer.opened } });
    const id = await create("r-armed");
    await at.simulator.find((entry) => entry.device === "r-armed" && entry.line === arming);
    await at.client.jobs.cancel(id, { interruptRunning: true });
    await at.toldToStop(id);
    answer.open();
    expect(await at.client.jobs.wait(id)).toMatchObject(takenBack);
    expect(await waits("r-armed")).toBe(false);
  });

  test("is not left to a later change when the way is cut before its first line", async () => {
    const cut = { matching: arming, when: "after-answer", times: 1 } as const;
    at.simulator.device("r-cut").setFaults({ disconnectOnCommand: cut });
    expect(await at.client.jobs.wait(await create("r-cut"))).toMatchObject(takenBack);
    expect(await waits("r-cut")).toBe(false);
  });

  test("is waited for, and what it did is seen, also when the job is cancelled meanwhile", async () => {
    const before = running("sw-away");
    const gone = lostAt(at.simulator.device("sw-away"), "show clock");
    const id = await create("sw-away", { confirmTimeoutMs: 6_000, postChecks: [{ command: "show clock" }] });
    await at.simulator.find((entry) => entry.device === "sw-away" && entry.line === "show clock");
    await at.client.jobs.cancel(id, { interruptRunning: true });
    await at.toldToStop(id);
    await eventually(() => expect(running("sw-away")).toBe(before));
    await gone.listen();
    const job = await at.client.jobs.wait(id);
    expect(job).toMatchObject(takenBack);
    expect(result(job).rolledBack).toBe(true);
  });

  test("is seen to have run out though sessions that fell silent would fill all that may be open", async () => {
    const deaf = at.simulator.device("sw-deaf");
    deaf.setFaults({ hang: { matching: "show clock" } });
    const before = running("sw-deaf");
    const id = await create("sw-deaf", { postChecks: [{ command: "show clock" }] });
    await at.simulator.find((entry) => entry.device === "sw-deaf" && entry.line === "show clock");
    deaf.setFaults({
      disconnectOnCommand: { matching: /^configure session pm-\S+ abort/, when: "before-answer", times: 1 },
      hang: { matching: "show running-config", times: 1 },
    });
    await at.client.jobs.cancel(id, { interruptRunning: true });
    const job = await at.client.jobs.wait(id);
    expect(job).toMatchObject(takenBack);
    expect(running("sw-deaf")).toBe(before);
  });
});
