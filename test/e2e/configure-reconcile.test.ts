import type { ConfigureInput } from "@pointsman/sdk";
import { type ConfigureResult, Effect, type Job, JobState, LinePresence, LinesStanding } from "@pointsman/sdk/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCli } from "../cli/run-cli.js";
import { device, startSystem, type System } from "../support/system.js";

let at: System;
beforeAll(async () => {
  at = await startSystem({
    devices: [
      ...["r1", "r2", "r-back", "r-drift", "r-half"].map((name) => device(name)),
      device("sw1", { platform: "arista_eos" }),
      device("sw-whole", { platform: "arista_eos" }),
      device("sw-doubt", { platform: "arista_eos" }),
    ],
  });
});
afterAll(() => at.close());

const lines = ["interface Loopback0", " description by pointsman", "ip domain-name lab.example"];
const running = (name: string): string => at.simulator.device(name).runningConfig;
const configure = (name: string, input: ConfigureInput): Promise<Job> =>
  at.client.jobs.run({ device: name, configure: { acceptUnproven: true, ...input } });

function resultOf(job: Job): ConfigureResult {
  if (job.result?.result.case !== "configure") throw new Error(`no result: ${job.error?.message ?? ""}`);
  return job.result.result.value;
}

/** A change whose connection is cut when a line was received, before its answer. */
async function lost(name: string, matching: string): Promise<Job> {
  at.simulator.device(name).setFaults({ disconnectOnCommand: { matching } });
  const job = await configure(name, { lines });
  at.simulator.device(name).setFaults({});
  expect(job.state).toBe(JobState.INDETERMINATE);
  return job;
}

describe("what became of a job whose outcome is unknown", () => {
  test("is looked for line by line, on the device that is held for it", async () => {
    const job = await lost("r1", "description by pointsman");
    const looking = await configure("r1", { linesOf: job.id, mode: "reconcile" });
    expect(looking).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.NONE });
    const { lines: found, standing } = resultOf(looking);
    const { PRESENT, ABSENT } = LinePresence;
    const reached = running("r1").includes("by pointsman");
    expect(found.map(({ presence }) => presence)).toEqual([PRESENT, reached ? PRESENT : ABSENT, ABSENT]);
    expect(standing).toBe(reached ? LinesStanding.SOME : LinesStanding.NONE);
    expect((await at.client.devices.get("r1")).status?.hold?.job).toBe(job.id);
  });

  test("is looked for by filter, for many jobs", async () => {
    const job = await lost("r2", "description by pointsman");
    const results = await at.client.jobs.reconcileMany({ devices: ["r2"] });
    expect(results).toMatchObject([{ id: job.id, reconciledBy: expect.any(String) as string }]);
    const cli = await runCli(["reconcile", "--device", "r2"], { url: at.url });
    expect(cli.status).toBe(0);
    expect(cli.stdout).toMatch(new RegExp(`^${job.id} on r2:\npresent  interface Loopback0\n`));
    await at.client.jobs.resolve(job.id, { kind: "not-applied", reason: "looked" });
    expect(await at.client.jobs.reconcileMany({ devices: ["r2"] })).toEqual([]);
    await expect(configure("sw1", { linesOf: job.id, mode: "reconcile" })).rejects.toMatchObject({
      fieldViolations: [{ field: "job.configure.lines_of", description: "is a job of another device" }],
    });
  });
});

describe("going back to what ran before a job", () => {
  test("is planned first, and then made by the plan's hash", async () => {
    const before = running("r-back");
    const change = await configure("r-back", { lines, keepBeforeAfter: true });
    expect(running("r-back")).not.toBe(before);
    const plan = await configure("r-back", { beforeJob: change.id, mode: "plan" });
    expect(plan).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.NONE });
    expect(resultOf(plan).diff?.text).toContain("-ip domain-name lab.example\n");
    const { planHash } = resultOf(plan);
    await expect(configure("r-back", { beforeJob: change.id })).rejects.toMatchObject({
      fieldViolations: [{ field: "job.configure.plan_hash" }],
    });
    const back = await configure("r-back", { beforeJob: change.id, planHash });
    expect(back).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.COMPLETE });
    expect(running("r-back")).toBe(before);
  });

  test("is refused when the device has drifted since the plan, and where no state was kept", async () => {
    const change = await configure("r-drift", { lines, keepBeforeAfter: true });
    const plan = await configure("r-drift", { beforeJob: change.id, mode: "plan" });
    const drift = await configure("r-drift", { lines: ["ip domain-name drifted.example"] });
    const back = await configure("r-drift", { beforeJob: change.id, planHash: resultOf(plan).planHash });
    expect(back).toMatchObject({ state: JobState.FAILED, effect: Effect.NONE, error: { reason: "PLAN_CHANGED" } });
    await expect(configure("r-drift", { beforeJob: drift.id, mode: "plan" })).rejects.toMatchObject({
      reason: "CANNOT_RESTORE",
    });
  });
});

describe("a way back whose outcome is unknown", () => {
  test("is over when no line of it is left, not when what ran before is there; its lines are no input for others", async () => {
    const cli = (...words: string[]) => runCli(words, { url: at.url });
    const added = ["ip name-server 192.0.2.53", "interface Loopback7", " description new"];
    const change = await configure("r-half", { lines: added, keepBeforeAfter: true });
    const plan = await configure("r-half", { beforeJob: change.id, mode: "plan" });
    at.simulator.device("r-half").setFaults({ disconnectOnCommand: { matching: /^no interface/ } });
    const back = await configure("r-half", { beforeJob: change.id, planHash: resultOf(plan).planHash });
    at.simulator.device("r-half").setFaults({});
    expect(back.state).toBe(JobState.INDETERMINATE);
    expect((await cli("job", back.id)).stdout).toMatch(new RegExp(`^work +apply: back to before ${change.id}$`, "m"));

    const half = await cli("reconcile", back.id);
    expect(half.stdout).toMatch(
      new RegExp(`^absent +no interface Loopback7\n(?:.*\n)*these lines are left .* ${change.id}$`, "m"),
    );
    const looking = await configure("r-half", { linesOf: back.id, mode: "reconcile" });
    expect(resultOf(looking).standing).toBe(LinesStanding.UNKNOWN);
    await expect(configure("r-half", { linesOf: back.id })).rejects.toMatchObject({
      fieldViolations: [{ field: "job.configure.lines_of" }],
    });
    await at.client.jobs.resolve(back.id, { kind: "not-applied", reason: "looked" });
    await configure("r-half", { lines: ["no interface Loopback7", "no ip name-server 192.0.2.53"] });
    const over = await configure("r-half", { linesOf: back.id, mode: "reconcile" });
    expect(resultOf(over)).toMatchObject({ lines: [], standing: LinesStanding.ALL });
  });
});

describe("kinds of input", () => {
  test("a whole configuration whose outcome is unknown is there when nothing stands beside it", async () => {
    const whole = ["hostname sw-doubt", "interface Ethernet1"];
    at.simulator.device("sw-doubt").setFaults({ disconnectOnCommand: { matching: "commit" } });
    const job = await configure("sw-doubt", { lines: whole, kind: "replace" });
    at.simulator.device("sw-doubt").setFaults({});
    expect(job.state).toBe(JobState.INDETERMINATE);
    const look = async () => resultOf(await configure("sw-doubt", { linesOf: job.id, mode: "reconcile" }));
    const { lines: found, standing } = await look();
    expect(running("sw-doubt")).toContain("interface Ethernet2");
    expect(standing).toBe(LinesStanding.SOME);
    expect(found.slice(0, 2).map(({ presence }) => presence)).toEqual([LinePresence.PRESENT, LinePresence.PRESENT]);
    expect(found.map(({ line }) => line)).toContain("no interface Ethernet2");
    await at.client.jobs.resolve(job.id, { kind: "not-applied", reason: "looked" });
    expect((await configure("sw-doubt", { lines: whole, kind: "replace" })).state).toBe(JobState.SUCCEEDED);
    expect((await look()).standing).toBe(LinesStanding.ALL);
  });

  test("a plan of lines that are added is no leave to replace everything; nor does a way back replace it", async () => {
    const change = await configure("sw1", { lines: lines.slice(0, 2), keepBeforeAfter: true });
    const before = running("sw1");
    const again = ["interface Loopback0", " description again"];
    const { planHash } = resultOf(await configure("sw1", { lines: again, mode: "plan" }));
    const job = await configure("sw1", { lines: again, kind: "replace", planHash });
    expect(job).toMatchObject({ state: JobState.FAILED, effect: Effect.NONE, error: { reason: "PLAN_CHANGED" } });
    const whole = configure("sw1", { beforeJob: change.id, kind: "replace", mode: "plan" });
    await expect(whole).rejects.toMatchObject({ fieldViolations: [{ field: "job.configure.kind" }] });
    expect(running("sw1")).toBe(before);
  });

  test("a whole configuration takes the place of what runs, where there is a candidate", async () => {
    const whole = ["hostname sw-whole", "interface Loopback0", " description only this"];
    const job = await configure("sw-whole", { lines: whole, kind: "replace" });
    expect(job.error?.message ?? "").toBe("");
    expect(job).toMatchObject({ state: JobState.SUCCEEDED });
    expect(running("sw-whole")).toContain("description only this");
    expect(running("sw-whole")).not.toContain("Ethernet1");
  });

  test.each(["replace", "set"] as const)("%s is refused where the platform has no such form", async (kind) => {
    const job = await configure("r-back", { lines, kind });
    expect(job).toMatchObject({ state: JobState.FAILED, effect: Effect.NONE });
    expect(job.error?.reason).toBe("UNSUPPORTED_BY_PLATFORM");
  });
});
