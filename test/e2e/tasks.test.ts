import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JsonValue } from "@bufbuild/protobuf";
import { type JobInput, timestampDate, toJson } from "@pointsman/sdk";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { Effect, EffectClass, type Job, JobState, RunState, WaitingReason } from "@pointsman/sdk/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.js";
import { device, login, type OurProcess, startOurs, startSystem, type System } from "../support/system.js";

/** A reaper waits 15 s, and what it frees is taken within five seconds more; the machine may be busy. */
const endedWithinMs = 120_000;
const modules = { POINTSMAN_TASK_MODULES: "test/e2e/tasks/lab.mjs", POINTSMAN_TASK_MEMORY_MEGABYTES: "48" };

let at: System;
let first: OurProcess;

beforeAll(async () => {
  const leak = { command: /^show leak/, output: `the password is ${login.password}\n` };
  at = await startSystem({
    devices: [
      device("r1", { commands: [leak, { command: /^wipe/, output: "wiped\n" }] }),
      device("r3", { faults: { disconnectOnCommand: { matching: "wipe it", times: 1 } } }),
      device("a1", { platform: "arista_eos" }),
      device("r4", { faults: { disconnectOnCommand: { matching: /description lost/, times: 1 } } }),
      device("r2", { commands: [{ command: /^stuck/, output: "", delayMs: 3_600_000 }] }),
    ],
    workers: 0,
  });
  first = await at.startWorker({ ...modules, POINTSMAN_NODE: "alpha", POINTSMAN_TASK_THREADS: "4" });
  await at.startWorker({ POINTSMAN_TASK_MODULES: "test/e2e/tasks/other.mjs", POINTSMAN_NODE: "beta" });
});
afterAll(() => at.close());

const run = (job: JobInput): Promise<Job> => at.client.jobs.run(job);
const odd = (what: string, more: object = {}): JobInput => ({
  task: { type: "lab.odd", input: { do: what, ...more } },
});

function resultOf(job: Job) {
  if (job.result?.result.case !== "task") throw new Error(`no result of a task: ${JSON.stringify(job.error)}`);
  return job.result.result.value;
}

function answerOf(job: Job): unknown {
  const { output } = resultOf(job);
  return output && toJson(ValueSchema, output);
}

async function events(id: string, ...kinds: ("log" | "progress" | "command")[]): Promise<unknown[]> {
  const found = [];
  for await (const { event } of at.client.jobs.events(id, { kinds })) found.push(event.value);
  return found;
}

describe("a task", () => {
  test("reads through the job's session, and answers what fits its schema; its lines are in the result", async () => {
    const job = await run({
      device: "r1",
      task: { type: "lab.version", input: { line: "show version" } },
      labels: { why: "audit" },
    });
    expect(job).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.NONE, effectClass: EffectClass.READ_ONLY });
    const { commands, outputBytes } = resultOf(job);
    expect(commands.map(({ command }) => command)).toEqual(["show version"]);
    expect(commands[0]?.output).toMatch(/IOS/);
    expect(answerOf(job)).toEqual({ first: commands[0]?.output.split("\n")[0], device: "r1" });
    expect(outputBytes).toBe(JSON.stringify(answerOf(job)).length);
    expect(await events(job.id, "progress")).toMatchObject([
      { percent: 0, message: "asking" },
      { percent: 100, message: "done" },
    ]);
    expect(await events(job.id, "log")).toMatchObject([{ level: "debug", message: "asked for audit" }]);
    const basic = await at.client.jobs.get(job.id, { view: "basic" });
    expect(resultOf(basic).output).toBeUndefined();
  });

  test("sees no secret, and neither does its answer", async () => {
    const job = await run({ device: "r1", task: { type: "lab.version", input: { line: "show leak" } } });
    expect(answerOf(job)).toMatchObject({ first: expect.stringMatching(/^the password is [<*]/) });
    expect(JSON.stringify(answerOf(job))).not.toContain(login.password);
    const keyed = { do: "keyed", with: `not ${login.password}` };
    const named = await run({ device: "r1", task: { type: "lab.odd", input: keyed } });
    expect(answerOf(named)).toEqual({ "not <redacted>": "not <redacted>" });
  });

  test("that only reads types nothing that may change it", async () => {
    const job = await run({ device: "r1", task: { type: "lab.version", input: { line: "clear counters" } } });
    expect(job).toMatchObject({ state: JobState.FAILED, error: { reason: "TASK_MISUSED" } });
    expect(at.simulator.device("r1").commands()).not.toContain("clear counters");
  });

  test("a rejected line fails it as it would any job", async () => {
    const job = await run({ device: "r1", task: { type: "lab.version", input: { line: "show nonsense" } } });
    expect(job).toMatchObject({ state: JobState.FAILED, error: { reason: "DEVICE_REJECTED" } });
    expect(job.error?.deviceMessage).toMatch(/Invalid input/);
  });

  test("changes it behind an intent, and says how far it came", async () => {
    const lines = ["wipe everything"];
    const done = await run({ device: "r1", task: { type: "lab.change", input: { lines, enable: true } } });
    expect(done).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.COMPLETE, lastConfirmedStep: 2 });
    const failed = await run({
      device: "r1",
      task: { type: "lab.change", input: { lines, enable: true, fail: true } },
    });
    expect(failed).toMatchObject({ state: JobState.FAILED, effect: Effect.PARTIAL, error: { reason: "TASK_FAILED" } });
    const none = await run({ device: "r1", task: { type: "lab.change", input: { lines: [] } } });
    expect(none).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.NONE });
  });

  test("types no line that the rules deny, and no intent comes before", async () => {
    const job = await run({ device: "r1", task: { type: "lab.change", input: { lines: ["reload"] } } });
    expect(job).toMatchObject({ state: JobState.FAILED, effect: Effect.NONE, error: { reason: "COMMAND_DENIED" } });
    expect(at.simulator.device("r1").commands()).not.toContain("reload");
  });

  test("is held to the rules of the moment at which it comes to its device, over a warm session too", async () => {
    const until = join(await mkdtemp(join(tmpdir(), "pointsman-late-")), "now");
    const late = { device: "r1", task: { type: "lab.late", input: { line: "show clock", until } } };
    await writeFile(until, "");
    expect((await run(late)).state).toBe(JobState.SUCCEEDED);
    await rm(until);
    const { id } = await at.client.jobs.create(late);
    await eventually(async () => expect(await events(id, "log")).toMatchObject([{ message: "waiting" }]));
    await at.client.policies.createCommandRule({
      name: "no-clock",
      action: "deny",
      patterns: ["show clock"],
      reason: "x",
    });
    await writeFile(until, "");
    const job = await at.client.jobs.wait(id);
    await at.client.policies.deleteCommandRule("no-clock");
    expect(job).toMatchObject({ state: JobState.FAILED, error: { reason: "COMMAND_DENIED" } });
  });

  test("configures a device as a job of that kind does, with the lines among its own", async () => {
    for (const name of ["r1", "a1"]) {
      const lines = ["interface Loopback7", "description by a task"];
      const planned = await run({ device: name, task: { type: "lab.plan", input: { lines } } });
      expect(planned).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.NONE });
      expect(answerOf(planned)).toMatchObject({ diff: expect.stringContaining("by a task"), committed: false });
      expect(at.simulator.device(name).runningConfig).not.toContain("by a task");

      const done = await run({ device: name, task: { type: "lab.configure", input: { lines, save: true } } });
      expect(done, JSON.stringify(done.error)).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.COMPLETE });
      expect(answerOf(done)).toMatchObject({ committed: true, saved: true });
      expect(at.simulator.device(name).runningConfig).toContain("by a task");
      const { commands } = resultOf(done);
      expect(commands.map(({ command }) => command.trim())).toEqual(["show version", ...lines, "show clock"]);
      expect(commands.at(-1)?.output).toMatch(/\d\d:\d\d/);

      // What is rejected ends it: of a candidate nothing is in force.
      const wrong = ["interface Loopback8", "description half", "no such line"];
      const failed = await run({ device: name, task: { type: "lab.configure", input: { lines: wrong } } });
      const effect = name === "r1" ? Effect.PARTIAL : Effect.NONE;
      expect(failed).toMatchObject({ state: JobState.FAILED, effect, error: { reason: "DEVICE_REJECTED" } });
      expect(at.simulator.device(name).runningConfig.includes("description half")).toBe(name === "r1");
    }
    const lines = ["interface Loopback9"];
    const misused = await run({ device: "r1", task: { type: "lab.plan", input: { lines, apply: true } } });
    expect(misused).toMatchObject({ state: JobState.FAILED, error: { reason: "TASK_MISUSED" } });
    expect(at.simulator.device("r1").runningConfig).not.toContain("Loopback9");
  });

  test("that loses a device in the middle of a configuration is in doubt, whatever it makes of that", async () => {
    const lines = ["interface Loopback7", "description lost on the way", "no shutdown"];
    const job = await run({ device: "r4", task: { type: "lab.configure", input: { lines, forgive: true } } });
    expect(job).toMatchObject({ state: JobState.INDETERMINATE, lastIntendedStep: 3, lastConfirmedStep: 2 });
    expect((await at.client.devices.get("r4")).status?.hold?.job).toBe(job.id);
    const sent = at.simulator.device("r4").commands();
    expect(sent.filter((line) => /description lost/.test(line))).toHaveLength(1);
    expect(sent).not.toContain("no shutdown");
  });

  test("without a device puts itself off before its intent where it says that, and not behind it", async () => {
    const patient = (input: JsonValue): JobInput => ({ task: { type: "lab.patient", input } });
    const done = await run(patient({}));
    expect([done.state, answerOf(done)]).toEqual([JobState.SUCCEEDED, 1]);
    expect(await run(patient({ early: true }))).toMatchObject({
      ...{ state: JobState.FAILED, error: { reason: "TASK_MISUSED" } },
    });
  });

  test("cannot make good a change whose answer was lost by looking away", async () => {
    const job = await run({
      device: "r3",
      task: { type: "lab.change", input: { lines: ["wipe it", "wipe more"], forgive: true } },
    });
    expect(job).toMatchObject({ state: JobState.INDETERMINATE, error: { reason: "DISCONNECTED" } });
    expect((await at.client.devices.get("r3")).status?.hold?.job).toBe(job.id);
    expect(at.simulator.device("r3").commands()).not.toContain("wipe more");
  });

  test("without a device passes the point of no return as it begins", async () => {
    const done = await run({ task: { type: "lab.outside", input: {} } });
    expect(done).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.COMPLETE, lastIntendedStep: 1 });
    expect(answerOf(done)).toBe("changed");
    const failed = await run({ task: { type: "lab.outside", input: { throw: true } } });
    expect(failed).toMatchObject({ state: JobState.FAILED, effect: Effect.PARTIAL, error: { message: "half done" } });
  });

  test("works on no other device than the one that it holds", async () => {
    const job = await run({ device: "r1", ...odd("device") } as JobInput);
    expect(job.error?.message).toMatch(/the job holds r1, and waits for no other/);
    expect((await run(odd("device"))).error?.reason).toBe("DEVICE_NOT_FOUND");
  });
});

describe("what goes wrong stays with its job", () => {
  test("an error ends it FAILED, with its name and without another attempt", async () => {
    const job = await run(odd("throw", { say: "see https://ann:hush@example.com" }));
    expect(job).toMatchObject({ state: JobState.FAILED, effect: Effect.NONE });
    expect(job.error).toMatchObject({ reason: "TASK_FAILED", metadata: { name: "Error" } });
    expect(job.error?.message).not.toContain("hush");
    expect(job.attempts).toHaveLength(1);
  });

  test("an error that says so is tried again", async () => {
    const job = await run({ ...odd("retry"), retry: { maxAttempts: 3, initialBackoffMs: 1 } });
    expect([job.error?.metadata["code"], job.attempts.length]).toEqual(["NOT_YET", 3]);
  });

  test("and one that asks for an age within a day, so that its time can be told", async () => {
    const { id } = await at.client.jobs.create({ ...odd("retry", { with: 1e15 }), retry: { maxAttempts: 2 } });
    await eventually(async () => expect((await at.client.jobs.get(id)).waitingReason).toBe(WaitingReason.RETRY));
    const { retryTime } = await at.client.jobs.get(id);
    expect(timestampDate(retryTime!).getTime() - Date.now()).toBeLessThanOrEqual(86_400_000);
    await at.client.jobs.cancelMany({ ids: [id] });
  });

  test("a loop without end is ended at its timeout, or when it is cancelled, and the others go on meanwhile", async () => {
    const timed = at.client.jobs.run({ ...odd("loop"), executionTimeoutMs: 1_500 });
    const stuck = await at.client.jobs.create(odd("loop"));
    await eventually(async () => expect((await at.client.jobs.get(stuck.id)).state).toBe(JobState.RUNNING));
    const others = await Promise.all([
      run(odd("answer", { with: 1 })),
      run({ device: "r1", commands: ["show clock"] }),
      run({ device: "r1", task: { type: "lab.version", input: { line: "show version" } } }),
    ]);
    expect(others.map(({ state }) => state)).toEqual(Array.from(others, () => JobState.SUCCEEDED));
    expect((await at.client.jobs.get(stuck.id)).state).toBe(JobState.RUNNING);
    await at.client.jobs.cancel(stuck.id, { interruptRunning: true });
    expect(await at.client.jobs.wait(stuck.id)).toMatchObject({ state: JobState.CANCELLED });
    expect(await timed).toMatchObject({ state: JobState.FAILED, error: { reason: "EXECUTION_TIMEOUT" } });
    expect(first.child.exitCode).toBeNull();
  });

  test("a flood of remarks is cut where it is made, and said so", async () => {
    const { id } = await at.client.jobs.create(odd("flood"));
    await eventually(async () => expect((await at.client.jobs.get(id)).lastEvent).toBeGreaterThan(10_001), 120_000);
    await at.client.jobs.cancel(id, { interruptRunning: true });
    expect((await at.client.jobs.wait(id)).state).toBe(JobState.CANCELLED);
    const kept = (await events(id, "log")) as { level: string; message: string }[];
    expect(kept).toHaveLength(10_001);
    expect(kept.at(-1)).toMatchObject({ level: "warning", message: expect.stringMatching(/not kept/) });
  });

  test.each([
    ["eat", "TASK_CRASHED"],
    ["exit", "TASK_CRASHED"],
  ])("%s ends its thread alone", async (what, reason) => {
    expect((await run(odd(what))).error?.reason).toBe(reason);
    expect((await run(odd("answer", { with: "still here" }))).state).toBe(JobState.SUCCEEDED);
    expect(first.child.exitCode).toBeNull();
  });

  test("what it leaves running does not reach the next in its thread", async () => {
    const left = await run(odd("leave", { ms: 50 }));
    expect(answerOf(left)).toBe("left");
    const after = await Promise.all(Array.from({ length: 8 }, (_, i) => run(odd("answer", { with: i }))));
    expect(after.map(answerOf)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  test("an answer with half a character in it can be read in every protocol", async () => {
    const { id } = await run(odd("half"));
    const got = await fetch(`${at.url}/pointsman.v1.JobService/GetJob`, {
      ...{ method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ id }) },
    });
    expect((await got.text()).match(/"output":(\{.*?\})/)?.[1]).toBe('{"\ufffd":"\ufffd"}');
  });

  test("an answer that is too long or too deep fails it", async () => {
    const job = await run(odd("long"));
    expect(job).toMatchObject({ state: JobState.FAILED, error: { reason: "TASK_FAILED" } });
    expect(job.error?.message).toMatch(/more than 1048576 bytes/);
    const deep = await run(odd("deep"));
    expect(deep).toMatchObject({ state: JobState.FAILED, error: { reason: "TASK_OUTPUT_INVALID" } });
  });
});

describe("a job of it", () => {
  test("writes what it prints into the history", async () => {
    const job = await run(odd("print"));
    expect(await events(job.id, "log")).toMatchObject([
      ...[0, 1, 2].map((i) => ({ level: "info", message: `line ${i}` })),
      { level: "warning", message: "to stderr" },
    ]);
    expect(answerOf(job)).toBeUndefined();
  });

  test("sees nothing of our settings", async () => {
    expect(answerOf(await run(odd("env")))).toEqual([]);
  });

  test("puts itself off without using an attempt, up to its limit", async () => {
    const asked = await at.client.jobs.create(odd("defer", { times: 1, ms: 3_600_000 }));
    await eventually(async () => {
      const waiting = await at.client.jobs.get(asked.id);
      expect(waiting).toMatchObject({ state: JobState.DELAYED, waitingReason: WaitingReason.RETRY });
    });
    await at.client.jobs.cancel(asked.id);
    const job = await run({ ...odd("defer", { times: 2 }), retry: { maxAttempts: 1 } });
    expect(job).toMatchObject({ state: JobState.SUCCEEDED });
    expect(answerOf(job)).toEqual({ attempt: 3, deferrals: 2 });
    expect(resultOf(job).deferrals).toBe(2);
    expect(job.attempts[0]?.error).toMatchObject({ reason: "TASK_DEFERRED", message: "not now" });
    const often = await run(odd("defer", { times: 3 }));
    expect(often).toMatchObject({ state: JobState.FAILED, error: { reason: "TASK_DEFERRED" } });
  });

  test.each(["wait", "ignore"])("is cancelled, whether it hears of it (%s) or not", async (what) => {
    const asked = await at.client.jobs.create(odd(what));
    await eventually(async () => expect((await at.client.jobs.get(asked.id)).state).toBe(JobState.RUNNING));
    await at.client.jobs.cancel(asked.id, { interruptRunning: true });
    const job = await at.client.jobs.get(asked.id, { waitMs: 120_000 });
    expect(job.state).toBe(JobState.CANCELLED);
  });

  test("goes to a worker that has loaded its type alone, and waits while there is none", async () => {
    const job = await run({ task: { type: "lab.other" } });
    expect(answerOf(job)).toEqual({ node: "beta" });
    const elsewhere = await at.client.jobs.create({ node: "alpha", task: { type: "lab.other" } });
    expect((await at.client.jobs.get(elsewhere.id)).waitingReason).toBe(WaitingReason.NO_WORKER);
    await at.client.jobs.cancel(elsewhere.id);
    const types = [];
    for await (const type of at.client.jobs.listTypes({ text: "lab." })) types.push([type.name, type.workers.length]);
    expect(types).toEqual([
      ["lab.change", 1],
      ["lab.configure", 1],
      ["lab.late", 1],
      ["lab.odd", 1],
      ["lab.other", 1],
      ["lab.outside", 1],
      ["lab.patient", 1],
      ["lab.plan", 1],
      ["lab.policy", 1],
      ["lab.version", 1],
    ]);
  });

  test("takes and gives protobuf messages, with the rules that stand in them", async () => {
    const policy = (input: JsonValue) => ({ task: { type: "lab.policy", input } });
    const job = await run(policy({ maxAttempts: 3, initialBackoff: "1.500s" }));
    expect(answerOf(job)).toEqual({ maxAttempts: 4, initialBackoff: "1.500s" });
    // Its answer has one more than there may be.
    expect((await run(policy({ maxAttempts: 20 }))).error?.reason).toBe("TASK_OUTPUT_INVALID");
    for (const [input, field] of [
      [{ maxAttempts: 21 }, "job.task.input.max_attempts"],
      [{ maxAttempts: "many" }, "job.task.input.max_attempts"],
      [{ initialBackoff: 3 }, "job.task.input"],
    ] as [JsonValue, string][]) {
      await expect(at.client.jobs.create(policy(input))).rejects.toMatchObject({ fieldViolations: [{ field }] });
    }
  });

  test("with a bad input or an unknown type is refused, and nothing is stored", async () => {
    const { total } = await at.client.jobs.count();
    await expect(at.client.jobs.create({ task: { type: "lab.version", input: { lime: "x" } } })).rejects.toMatchObject({
      reason: "INVALID_REQUEST",
      fieldViolations: [{ field: "job.task.input.line" }],
    });
    await expect(at.client.jobs.create({ task: { type: "lab.nothing" } })).rejects.toMatchObject({
      reason: "TASK_TYPE_NOT_FOUND",
    });
    expect((await at.client.jobs.count()).total).toBe(total);
  });

  test("stands in runs and schedules, with words in its input", async () => {
    const asked = await at.client.runs.create({
      devices: ["r1", "r2"],
      task: { type: "lab.version", input: { line: "show {{what}}" } },
      variables: { what: "version" },
    });
    const ended = await eventually(async () => {
      const now = await at.client.runs.get(asked.id);
      expect(now.endTime).toBeDefined();
      return now;
    }, 60_000);
    expect(ended.state).toBe(RunState.SUCCEEDED);
    const devices = [];
    for await (const { result } of at.client.runs.outputs(asked.id)) {
      const value = result?.result.case === "task" ? result.result.value.output : undefined;
      devices.push(value && (toJson(ValueSchema, value) as { device: string }).device);
    }
    expect(devices).toEqual(["r1", "r2"]);
    const bad = at.client.runs.create({ devices: ["r1"], task: { type: "lab.version", input: {} } });
    await expect(bad).rejects.toMatchObject({ reason: "NO_TARGETS", metadata: { reason: "INVALID_REQUEST" } });
  });
});

describe("a worker", () => {
  test("whose module cannot be loaded does not start, and says why", async () => {
    const bad = startOurs(["worker"], { ...at.env, POINTSMAN_TASK_MODULES: "test/e2e/tasks/missing.mjs" });
    await new Promise((resolve) => bad.child.once("close", resolve));
    expect(bad.child.exitCode).toBe(1);
    expect(bad.log.join("\n")).toMatch(/missing\.mjs cannot be loaded/);
  });

  test("that is killed behind the intent leaves the outcome unknown and the device held", async () => {
    const lines = ["stuck line"];
    const task = { type: "lab.change", input: { lines } };
    const job = await at.client.jobs.create({ device: "r2", task });
    await at.simulator.find((entry) => entry.line === "stuck line");
    const outside = await at.client.jobs.create({ task: { type: "lab.outside", input: { wait: true } } });
    await eventually(async () => expect((await events(outside.id, "log")).length).toBe(1));
    await at.startWorker(modules);
    await first.kill();
    const doubt = await at.client.jobs.wait(job.id, { timeoutMs: endedWithinMs });
    expect(doubt).toMatchObject({ state: JobState.INDETERMINATE, error: { reason: "WORKER_LOST" } });
    expect(doubt).toMatchObject({ lastIntendedStep: 2 });
    expect((await at.client.devices.get("r2")).status?.hold?.job).toBe(job.id);
    expect(resultOf(doubt).commands.map(({ command }) => command)).toEqual(["show version", "stuck line"]);
    const other = await at.client.jobs.wait(outside.id, { timeoutMs: endedWithinMs });
    expect(other.state).toBe(JobState.INDETERMINATE);
    const sent = at.simulator.device("r2").commands();
    expect(sent.filter((line) => line === "stuck line")).toHaveLength(1);
  });
});
