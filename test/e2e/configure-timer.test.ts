import type { ConfigureInput } from "@pointsman/sdk";
import { type ConfigureResult, Effect, type Job, JobState } from "@pointsman/sdk/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.js";
import { device, startSystem, type System } from "../support/system.js";

let at: System;
beforeAll(async () => {
  const switches = ["sw-away", "sw-deaf"].map((name) => device(name, { platform: "arista_eos" }));
  at = await startSystem({ devices: switches });
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
const takenBack = { state: JobState.FAILED, effect: Effect.NONE } as const;

describe("a timer that runs on the device", () => {
  test("is waited for, and what it did is seen, also when the job is cancelled meanwhile", async () => {
    const before = running("sw-away");
    const gone = at.simulator.device("sw-away");
    gone.addCommand({
      command: "show clock",
      output: () => {
        gone.stopListening();
        gone.disconnectAll();
        return "";
      },
    });
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
