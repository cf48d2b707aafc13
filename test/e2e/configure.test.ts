import { toJson, type ConfigureInput, type InvalidArgumentError } from "@pointsman/sdk";
import {
  CommandStatus,
  type ConfigureResult,
  Effect,
  type Job,
  JobEventSchema,
  JobSchema,
  JobState,
} from "@pointsman/sdk/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createDoor } from "../support/door.js";
import { eventually } from "../support/eventually.js";
import { lostAt } from "../support/lost-at.js";
import { device, startSystem, type System } from "../support/system.js";

let at: System;

const archive = "hostname r-timer\narchive\n path flash:backup\ninterface Loopback0\n description old\n";

beforeAll(async () => {
  const breaks = [1, 2, 3].flatMap((line) => [`before-${line}`, `after-${line}`]);
  at = await startSystem({
    devices: [
      ...["r1", "r-reject", "r-cancel", "r-plan", "r-banner", "r-name", "r-cut-save"].map((name) => device(name)),
      device("r-timer", { config: archive }),
      ...breaks.map((name) => device(`ios-${name}`)),
      ...[
        "sw1",
        "sw-name",
        "sw-late",
        "sw-reject",
        "sw-cancel",
        "sw-plan",
        "sw-confirm",
        "sw-check",
        "sw-gone",
        "sw-commit",
      ].map((name) => device(name, { platform: "arista_eos" })),
      ...breaks.map((name) => device(`eos-${name}`, { platform: "arista_eos" })),
      device("srv1", { platform: "linux" }),
    ],
  });
});
afterAll(() => at.close());

const configure = (name: string, input: ConfigureInput): Promise<Job> =>
  at.client.jobs.run({ device: name, configure: { acceptUnproven: true, ...input } });

function resultOf(job: Job): ConfigureResult {
  if (job.result?.result.case !== "configure") throw new Error(`no result: ${job.error?.message ?? ""}`);
  return job.result.result.value;
}

const statuses = (job: Job): CommandStatus[] => resultOf(job).lines.map(({ status }) => status);
const sent = (name: string): readonly string[] => at.simulator.device(name).commands();
const running = (name: string): string => at.simulator.device(name).runningConfig;
const { OK, REJECTED, SKIPPED, INTERRUPTED } = CommandStatus;

/** Three lines, each of which leaves a trace of its own. */
const lines = ["interface Loopback0", " description by pointsman", "ip domain-name example.net"];
const eosLines = ["interface Loopback0", " description by pointsman", "dns domain example.net"];

describe("where each line takes effect at once", () => {
  test("every line is reported, the configuration is left, and it is saved only because that was asked for", async () => {
    const job = await configure("r1", { lines, save: true, keepBeforeAfter: true });
    expect(job).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.COMPLETE, lastConfirmedStep: 4 });
    const result = resultOf(job);
    expect(statuses(job)).toEqual([OK, OK, OK]);
    expect(result).toMatchObject({ committed: true, saved: true, confirmed: false, rolledBack: false });
    expect(result.before?.text).not.toContain("by pointsman");
    expect(result.after?.text).toContain(" description by pointsman\n");
    expect(result.diff?.text).toContain("+ description by pointsman\n");
    expect(result.diffPredicted).toBe(false);
    expect(sent("r1").slice(-7)).toEqual([
      "configure terminal",
      ...lines,
      "end",
      "show running-config",
      "write memory",
    ]);
  });

  test("it stops at the first line that is rejected, leaves, does not save, and says how far it came", async () => {
    const input = [
      "interface Loopback0",
      " description half way",
      " descripshun wrong",
      "ip domain-name never.example",
    ];
    const job = await configure("r-reject", { lines: input, save: true });
    expect(job).toMatchObject({ state: JobState.FAILED, effect: Effect.PARTIAL, lastConfirmedStep: 3 });
    expect(job.error).toMatchObject({ reason: "DEVICE_REJECTED" });
    expect(job.error?.deviceMessage).toContain("% Invalid input detected");
    expect(statuses(job)).toEqual([OK, OK, REJECTED, SKIPPED]);
    expect(resultOf(job).lines[2]?.output?.text).toContain("% Invalid input detected at '^' marker.");
    expect(running("r-reject")).toContain(" description half way\n");
    expect(sent("r-reject").slice(-1)).toEqual(["end"]);
    expect(sent("r-reject")).not.toContain("write memory");
  });

  test.each([1, 2, 3])(
    "cut off before the answer to line %i: the outcome is unknown, nothing is sent twice",
    async (n) => {
      const name = `ios-before-${n}`;
      at.simulator.device(name).setFaults({ disconnectOnCommand: { matching: lines[n - 1]!.trim() } });
      const job = await configure(name, { lines });
      expect(job).toMatchObject({ state: JobState.INDETERMINATE, lastIntendedStep: n, lastConfirmedStep: n - 1 });
      expect(statuses(job)).toEqual(lines.map((_, i) => (i + 1 < n ? OK : i + 1 === n ? INTERRUPTED : SKIPPED)));
      expect((await at.client.devices.get(name)).status?.hold?.job).toBe(job.id);
      expect(sent(name).filter((line) => lines.includes(line))).toEqual(lines.slice(0, n));
    },
  );

  test.each([1, 2, 3])(
    "cut off behind the answer to line %i: what took effect is known, or never claimed",
    async (n) => {
      const name = `ios-after-${n}`;
      at.simulator
        .device(name)
        .setFaults({ disconnectOnCommand: { matching: lines[n - 1]!.trim(), when: "after-answer" } });
      const job = await configure(name, { lines });
      expect(sent(name).filter((line) => lines.includes(line))).toEqual(lines.slice(0, n));
      if (job.state === JobState.INDETERMINATE) expect(job.lastConfirmedStep).toBeLessThan(job.lastIntendedStep);
      else if (n === 3) expect(job).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.COMPLETE });
      else expect(job).toMatchObject({ state: JobState.FAILED, effect: Effect.PARTIAL, lastConfirmedStep: n });
    },
  );

  test("a cancel in the middle lets the line finish, leaves the configuration, and reports what took effect", async () => {
    const answer = createDoor();
    const delay = { matching: "description by pointsman", until: answer.opened };
    at.simulator.device("r-cancel").setFaults({ delay });
    const { id } = await at.client.jobs.create({ device: "r-cancel", configure: { lines, acceptUnproven: true } });
    await at.simulator.find((entry) => entry.device === "r-cancel" && entry.line.trim() === "description by pointsman");
    await at.client.jobs.cancel(id, { interruptRunning: true });
    await at.toldToStop(id);
    answer.open();
    const job = await at.client.jobs.wait(id);
    expect(job).toMatchObject({ state: JobState.FAILED, effect: Effect.PARTIAL, lastConfirmedStep: 2 });
    expect(job.error?.reason).toBe("CANCELLED");
    expect(statuses(job)).toEqual([OK, OK, SKIPPED]);
    expect(sent("r-cancel").slice(-1)).toEqual(["end"]);
  });

  test("a connection lost while saving leaves the outcome unknown", async () => {
    at.simulator.device("r-cut-save").setFaults({ disconnectOnCommand: { matching: "write memory" } });
    const job = await configure("r-cut-save", { lines, save: true });
    expect(job).toMatchObject({ state: JobState.INDETERMINATE, lastIntendedStep: 4, lastConfirmedStep: 3 });
  });

  test("a plan only shows, its difference is marked as predicted, and its hash binds the change to what was planned", async () => {
    const plan = await configure("r-plan", { lines, mode: "plan" });
    expect(plan).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.NONE });
    const { diff, diffPredicted, planHash } = resultOf(plan);
    expect(diffPredicted).toBe(true);
    expect(diff?.text).toContain(" interface Loopback0\n");
    expect(diff?.text).toContain("+ description by pointsman\n");
    expect(planHash).toMatch(/^[0-9a-f]{64}$/);
    expect(sent("r-plan").filter((line) => !/^(show|terminal|enable)/.test(line))).toEqual([]);

    const other = await configure("r-plan", { lines: [...lines, "ip routing"], planHash });
    expect(other.error?.reason).toBe("PLAN_CHANGED");
    await configure("r-plan", { lines: ["ip domain-name drifted.example"] });
    const drifted = await configure("r-plan", { lines, planHash });
    expect(drifted).toMatchObject({ state: JobState.FAILED, effect: Effect.NONE });
    expect(drifted.error?.reason).toBe("PLAN_CHANGED");
    expect(running("r-plan")).not.toContain("by pointsman");
    const again = resultOf(await configure("r-plan", { lines, mode: "plan" }));
    const applied = await configure("r-plan", { lines, planHash: again.planHash });
    expect(applied.state).toBe(JobState.SUCCEEDED);
    expect(resultOf(await configure("r-plan", { lines, mode: "plan" })).diff?.text).toBe("");
  });

  test("a banner's text goes in as one, though no prompt comes before its end", async () => {
    const text = ["banner motd @", "r-banner#", "", "Keep out.", "@", "interface Loopback0", " description behind it"];
    const job = await configure("r-banner", { lines: text.join("\n") });
    expect(job.state).toBe(JobState.SUCCEEDED);
    expect(resultOf(job).lines.map(({ line }) => line)).toEqual([text.slice(0, 5).join("\n"), ...text.slice(5)]);
    expect(running("r-banner")).toContain("banner motd ^C\nr-banner#\n\nKeep out.\n^C");
    expect(running("r-banner")).toContain(" description behind it");
  });

  test("a line that renames the device does not lose it, also where the name waits for the commit", async () => {
    for (const name of ["r-name", "sw-name"]) {
      const job = await configure(name, { lines: ["hostname another", ...lines.slice(0, 2)], save: true });
      expect(job).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.COMPLETE });
      expect(at.simulator.device(name).hostname).toBe("another");
      expect((await configure(name, { lines: ["hostname bogus name"] })).error?.reason).toBe("DEVICE_REJECTED");
    }
  });

  test("a secret in a line stands in nothing that is told of the job", async () => {
    const secret = "hunter2-hunter2";
    const job = await configure("r1", {
      lines: [`enable secret 0 ${secret}`, `bogus key ${secret}`],
      keepBeforeAfter: true,
    });
    expect(job.error?.reason).toBe("DEVICE_REJECTED");
    const { spec, ...told } = toJson(JobSchema, job) as Record<string, unknown>;
    expect(JSON.stringify(spec)).toContain(secret);
    expect(JSON.stringify(told)).not.toContain(secret);
    const events: unknown[] = [];
    for await (const item of at.client.jobs.watch(job.id)) {
      if (item.kind === "event") events.push(toJson(JobEventSchema, item.event));
    }
    expect(events.length).toBeGreaterThan(5);
    expect(JSON.stringify(events)).not.toContain(secret);
  });

  test("a timer takes the change back when a check fails, and is confirmed when it holds", async () => {
    const change = { lines: ["interface Loopback0", " description new"], mode: "apply-confirmed" } as const;
    const check = (text: string) => [{ command: "show running-config", include: [text] }];
    const failed = await configure("r-timer", { ...change, postChecks: check("not there") });
    expect(failed).toMatchObject({ state: JobState.FAILED, effect: Effect.NONE });
    expect(failed.error?.reason).toBe("CHECK_FAILED");
    expect(resultOf(failed)).toMatchObject({ rolledBack: true, confirmed: false, committed: false });
    expect(resultOf(failed).checks[0]).toMatchObject({ after: true, passed: false, missing: ["not there"] });
    expect(running("r-timer")).toContain(" description old");

    const refused = await configure("r-timer", { ...change, lines: [...change.lines, " bogus"] });
    expect(refused).toMatchObject({ state: JobState.FAILED, effect: Effect.NONE });
    expect(resultOf(refused).rolledBack).toBe(true);
    expect(running("r-timer")).toContain(" description old");

    const good = await configure("r-timer", { ...change, postChecks: check("description new") });
    expect(good).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.COMPLETE });
    expect(resultOf(good)).toMatchObject({ committed: true, confirmed: true });
    const session = (line: string) =>
      at.simulator.journal().findLast((entry) => entry.device === "r-timer" && entry.line === line)?.session;
    expect(session("configure confirm")).not.toBe(session("configure terminal revert timer 5"));
  });

  test("a device that does not open its configuration under a timer is UNSUPPORTED_BY_PLATFORM, and stays as it was", async () => {
    const job = await configure("r1", { lines, mode: "apply-confirmed" });
    expect(job).toMatchObject({ state: JobState.FAILED, effect: Effect.NONE });
    expect(job.error?.reason).toBe("UNSUPPORTED_BY_PLATFORM");
    expect(job.error?.deviceMessage).toContain("archive");
  });
});

describe("where lines wait in a candidate", () => {
  test("it is committed at once as a whole, and the device's own difference is told", async () => {
    const job = await configure("sw1", { lines: eosLines, save: true });
    expect(job).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.COMPLETE, lastConfirmedStep: 5 });
    expect(resultOf(job)).toMatchObject({ committed: true, saved: true, diffPredicted: false });
    expect(resultOf(job).diff?.text).toContain("+   description by pointsman");
    expect(sent("sw1")).toContain(`configure session pm-${job.id}-1`);
    expect(running("sw1")).toContain("   description by pointsman");
  });

  test("after a rejected line the candidate is dropped and nothing has changed", async () => {
    const before = running("sw-reject");
    const job = await configure("sw-reject", { lines: [...eosLines, "bogus line", "ip routing"], save: true });
    expect(job).toMatchObject({ state: JobState.FAILED, effect: Effect.NONE });
    expect(statuses(job)).toEqual([OK, OK, OK, REJECTED, SKIPPED]);
    expect(running("sw-reject")).toBe(before);
    expect(sent("sw-reject").slice(-1)).toEqual(["abort"]);
  });

  test.each([1, 2, 3])("cut off at line %i: nothing has changed, and that is known", async (n) => {
    for (const [name, when] of [
      [`eos-before-${n}`, "before-answer"],
      [`eos-after-${n}`, "after-answer"],
    ] as const) {
      const before = running(name);
      at.simulator.device(name).setFaults({ disconnectOnCommand: { matching: eosLines[n - 1]!.trim(), when } });
      const job = await configure(name, { lines: eosLines });
      expect(job).toMatchObject({ state: JobState.FAILED, effect: Effect.NONE });
      expect(job.error?.reason).toBe("DISCONNECTED");
      expect(running(name)).toBe(before);
      expect(sent(name)).not.toContain("commit");
    }
  });

  test("cut off at the commit: the outcome is unknown", async () => {
    at.simulator.device("sw-commit").setFaults({ disconnectOnCommand: { matching: "commit" } });
    const job = await configure("sw-commit", { lines: eosLines });
    expect(job).toMatchObject({ state: JobState.INDETERMINATE, lastIntendedStep: 4, lastConfirmedStep: 3 });
    expect(sent("sw-commit").filter((line) => line === "commit")).toHaveLength(1);
  });

  test("a cancel in the middle drops the candidate and ends CANCELLED", async () => {
    const before = running("sw-cancel");
    const answer = createDoor();
    const delay = { matching: "description by pointsman", until: answer.opened };
    at.simulator.device("sw-cancel").setFaults({ delay });
    const { id } = await at.client.jobs.create({
      device: "sw-cancel",
      configure: { lines: eosLines, acceptUnproven: true },
    });
    await at.simulator.find((entry) => entry.device === "sw-cancel" && entry.line.trim().startsWith("description"));
    await at.client.jobs.cancel(id, { interruptRunning: true });
    await at.toldToStop(id);
    answer.open();
    expect(await at.client.jobs.wait(id)).toMatchObject({ state: JobState.CANCELLED });
    expect(running("sw-cancel")).toBe(before);
    expect(sent("sw-cancel").slice(-1)).toEqual(["abort"]);
  });

  test("a cancel while it is committing waits for the answer, and the work is done", async () => {
    const answer = createDoor();
    at.simulator.device("sw-late").setFaults({ delay: { matching: "commit", until: answer.opened } });
    const { id } = await at.client.jobs.create({
      device: "sw-late",
      configure: { lines: eosLines, acceptUnproven: true },
    });
    await at.simulator.find((entry) => entry.device === "sw-late" && entry.line === "commit");
    await at.client.jobs.cancel(id, { interruptRunning: true });
    await at.toldToStop(id);
    answer.open();
    expect(await at.client.jobs.wait(id)).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.COMPLETE });
    const kinds = at.simulator.journal().filter((entry) => entry.device === "sw-late" && entry.kind === "interrupt");
    expect(kinds).toEqual([]);
  });

  test("a plan is the device's own difference, and leaves nothing behind", async () => {
    const before = running("sw-plan");
    const plan = await configure("sw-plan", { lines: eosLines, mode: "plan" });
    expect(plan).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.NONE });
    expect(resultOf(plan)).toMatchObject({ diffPredicted: false, committed: false });
    expect(resultOf(plan).diff?.text).toContain("+   description by pointsman");
    expect(running("sw-plan")).toBe(before);
    expect(sent("sw-plan").slice(-1)).toEqual(["abort"]);
  });

  test("a commit under a timer is confirmed through a session of its own, once the checks hold there", async () => {
    const postChecks = [{ command: "show running-config", include: ["by pointsman"], exclude: ["bogus"] }];
    const job = await configure("sw-confirm", { lines: eosLines, mode: "apply-confirmed", postChecks, save: true });
    expect(job).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.COMPLETE });
    expect(resultOf(job)).toMatchObject({ committed: true, confirmed: true, saved: true, rolledBack: false });
    const session = (line: string) =>
      at.simulator.journal().find((entry) => entry.device === "sw-confirm" && entry.line === line)?.session;
    const confirmation = `configure session pm-${job.id}-1 commit`;
    expect(session("commit timer 00:05:00")).toBeDefined();
    expect(session(confirmation)).toBeDefined();
    expect(session(confirmation)).not.toBe(session("commit timer 00:05:00"));
  });

  test("a check that fails has the change taken back, and that is seen before the job ends", async () => {
    const before = running("sw-check");
    const postChecks = [{ command: "show running-config", exclude: ["by pointsman"] }];
    const job = await configure("sw-check", { lines: eosLines, mode: "apply-confirmed", postChecks, save: true });
    expect(job).toMatchObject({ state: JobState.FAILED, effect: Effect.NONE });
    expect(job.error?.message).toContain("the change was taken back");
    expect(resultOf(job)).toMatchObject({ rolledBack: true, confirmed: false, saved: false });
    expect(running("sw-check")).toBe(before);
  });

  test("a device that cannot be reached any more reverts by itself; the job waits for it and says so", async () => {
    const before = running("sw-gone");
    const gone = lostAt(at.simulator.device("sw-gone"), "show clock");
    const { id } = await at.client.jobs.create({
      device: "sw-gone",
      configure: {
        lines: eosLines,
        mode: "apply-confirmed",
        confirmTimeoutMs: 6_000,
        postChecks: [{ command: "show clock" }],
        acceptUnproven: true,
      },
    });
    await at.simulator.find((entry) => entry.device === "sw-gone" && entry.line === "show clock");
    await eventually(() => expect(running("sw-gone")).toBe(before));
    await gone.listen();
    const job = await at.client.jobs.wait(id);
    expect(job).toMatchObject({ state: JobState.FAILED, effect: Effect.NONE });
    expect(job.error?.reason).toBe("DISCONNECTED");
    expect(resultOf(job).rolledBack).toBe(true);
  });
});

describe("what is refused", () => {
  test("a line that would leave or do something else, and a check that does more than look, are named in the call", async () => {
    const call = configure("r1", {
      lines: ["ip routing", "do write memory", "end", "ip routing"],
      preChecks: [{ command: "reload" }],
    });
    await expect(call).rejects.toMatchObject({ reason: "INVALID_REQUEST" });
    const error = await call.catch((cause: unknown) => cause);
    expect((error as InvalidArgumentError).fieldViolations).toEqual([
      expect.objectContaining({ field: "job.configure.lines.lines[1]" }),
      expect.objectContaining({ field: "job.configure.lines.lines[2]" }),
      expect.objectContaining({ field: "job.configure.pre_checks[0].command" }),
    ]);
  });

  test("what is known from documents only needs consent, except where a plan only reads", async () => {
    const before = sent("r-plan").length;
    const refused = configure("r-plan", { lines: ["ip routing"], acceptUnproven: false });
    await expect(refused).rejects.toMatchObject({ reason: "CONSENT_REQUIRED" });
    await expect(configure("sw-plan", { lines: ["x"], mode: "plan", acceptUnproven: false })).rejects.toMatchObject({
      message: expect.stringContaining("configuring on arista_eos is known from documents only") as string,
    });
    expect(sent("r-plan")).toHaveLength(before);
    const plan = await configure("r-plan", { lines: ["ip routing"], mode: "plan", acceptUnproven: false });
    expect(plan.state).toBe(JobState.SUCCEEDED);
  });

  test("a platform that is not configured by lines is UNSUPPORTED_BY_PLATFORM, without a login", async () => {
    const job = await configure("srv1", { lines: ["anything"] });
    expect(job).toMatchObject({ state: JobState.FAILED, effect: Effect.NONE });
    expect(job.error?.reason).toBe("UNSUPPORTED_BY_PLATFORM");
    expect(at.simulator.journal().filter((entry) => entry.device === "srv1")).toEqual([]);
  });

  test("a failing check before the change stops it", async () => {
    const preChecks = [{ command: "show version", include: ["another version"] }];
    const job = await configure("r1", { lines: ["ip domain-name never.example"], preChecks });
    expect(job).toMatchObject({ state: JobState.FAILED, effect: Effect.NONE });
    expect(job.error?.reason).toBe("CHECK_FAILED");
    expect(running("r1")).not.toContain("never.example");
  });
});
