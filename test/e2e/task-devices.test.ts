import { toJson } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { type JobInput, Pointsman } from "@pointsman/sdk";
import { Effect, EffectClass, type Job, JobState, WaitingReason } from "@pointsman/sdk/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.js";
import { device, startSystem, type System } from "../support/system.js";
import { createPerson } from "./people.js";

const modules = { POINTSMAN_TASK_MODULES: "test/e2e/tasks/fleet.mjs" };
const names = ["r1", "r2", "r3"];
const stuck = { command: /^(show )?stuck/, output: "", delayMs: 3_600_000 };

let at: System;
/** Two callers: one asks for the work, the other locks devices. */
let client: Pointsman;
let other: Pointsman;

beforeAll(async () => {
  at = await startSystem({
    devices: [
      ...names.map((name) => device(name, { commands: [stuck] })),
      device("lost", { faults: { disconnectOnCommand: { matching: /description lost/ } } }),
    ],
    workers: 0,
  });
  await at.startWorker({ ...modules, POINTSMAN_CAPACITY: "100" });
  const [ann, bob] = [await createPerson(at, "ann", "operator"), await createPerson(at, "bob", "admin")];
  client = new Pointsman({ baseUrl: at.url, apiKey: ann.key });
  other = new Pointsman({ baseUrl: at.url, apiKey: bob.key });
});
afterAll(async () => {
  client.close();
  other.close();
  await at.close();
});

type Kind = "reads" | "repeats" | "changes" | "careful";
type Call = Readonly<Record<string, unknown>>;
interface Work {
  readonly together?: readonly Call[];
  readonly inTurn?: readonly Call[];
  readonly [what: string]: unknown;
}

const work = (kind: Kind, input: Work, more: object = {}): JobInput =>
  ({ task: { type: `fleet.${kind}`, input }, ...more }) as JobInput;

function answersOf(job: Job): Record<string, unknown>[] {
  if (job.result?.result.case !== "task" || !job.result.result.value.output)
    throw new Error(`no answer of a task: ${JSON.stringify(job.error)}`);
  return toJson(ValueSchema, job.result.result.value.output) as Record<string, unknown>[];
}

/** The jobs that a job's task asked for, oldest first, by what its history says. */
async function childrenOf({ id }: Pick<Job, "id">): Promise<Job[]> {
  const found: Job[] = [];
  for await (const { event } of client.jobs.events(id, { kinds: ["log"] })) {
    const said = event.case === "log" ? /^job (\w{26}) on /.exec(event.value.message) : null;
    if (said) found.push(await client.jobs.get(said[1]!));
  }
  return found;
}

const inState = (id: string, state: JobState): Promise<Job> =>
  eventually(async () => {
    const job = await client.jobs.get(id);
    expect(job.state).toBe(state);
    return job;
  });

describe("a task without a device", () => {
  test("reads several devices at the same time, each through a job of its own in its name", async () => {
    const together = names.map((on) => ({ on, run: "show version" }));
    const job = await client.jobs.run(work("reads", { together }, { labels: { why: "audit" }, priority: 7 }));
    expect(job, JSON.stringify(job.error)).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.NONE });
    expect(answersOf(job).map(({ status, output }) => [status, /IOS/.test(String(output))])).toEqual(
      names.map(() => ["ok", true]),
    );
    const children = await childrenOf(job);
    expect(children.map(({ spec }) => spec?.target.value).sort()).toEqual(names);
    for (const child of children) {
      expect(child).toMatchObject({
        ...{ parentJob: job.id, creator: job.creator, state: JobState.SUCCEEDED, effectClass: EffectClass.READ_ONLY },
        spec: { priority: 7, labels: { why: "audit" }, queue: "" },
      });
    }
  });

  test("types several lines in one job, and those for one device in the order of its calls", async () => {
    const calls = [1, 2, 3].map((i) => ({
      on: "r1",
      run: [`show clock`, `show users ${i}`],
      options: { allowRejected: true },
    }));
    const job = await client.jobs.run(work("reads", { together: calls }));
    const answers = answersOf(job) as unknown as { status: string }[][];
    expect(answers.map((lines) => lines.map(({ status }) => status))).toEqual(calls.map(() => ["ok", "rejected"]));
    const sent = at.simulator
      .device("r1")
      .commands()
      .filter((line) => line.startsWith("show users"));
    expect(sent).toEqual(["show users 1", "show users 2", "show users 3"]);
    expect(await childrenOf(job)).toHaveLength(3);
  });

  test("asks for no job where there is no line to type", async () => {
    const job = await client.jobs.run(work("reads", { together: [{ on: "r1", run: [] }] }));
    expect(answersOf(job)).toEqual([[]]);
    expect(await childrenOf(job)).toEqual([]);
  });

  test.each(["changes", "careful", "repeats"] as const)("configures two devices (%s)", async (kind) => {
    const configure = ["interface Loopback5", `description by ${kind}`];
    const together = ["r1", "r2"].map((on) => ({ on, configure }));
    const job = await client.jobs.run(work(kind, { together }));
    expect(job, JSON.stringify(job.error)).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.COMPLETE });
    expect(answersOf(job)).toMatchObject([{ committed: true }, { committed: true }]);
    for (const on of ["r1", "r2"]) expect(at.simulator.device(on).runningConfig).toContain(`description by ${kind}`);
    for (const child of await childrenOf(job)) expect(child.effectClass).toBe(EffectClass.AT_MOST_ONCE);
  });

  test("that says when it changes something may put itself off before; what it changes passes its intent", async () => {
    const inTurn = [
      { on: "r1", run: "show clock" },
      { on: "r1", configure: ["interface Loopback6"] },
    ];
    const job = await client.jobs.run(work("careful", { deferFirst: true, inTurn }));
    expect(job).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.COMPLETE, lastIntendedStep: 2 });
    const reads = await client.jobs.run(work("careful", { inTurn: [{ on: "r1", run: "show clock" }] }));
    expect(reads).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.NONE, lastIntendedStep: 0 });
  });

  test("that only reads has nothing changed elsewhere either", async () => {
    for (const call of [{ run: "clear counters" }, { configure: ["interface Loopback9"] }]) {
      const job = await client.jobs.run(work("reads", { together: [{ on: "r1", ...call }] }));
      expect(job).toMatchObject({ state: JobState.FAILED, error: { reason: "TASK_MISUSED" } });
      expect(await childrenOf(job)).toEqual([]);
    }
    expect(at.simulator.device("r1").commands()).not.toContain("clear counters");
  });

  test("learns why there can be no job, as any caller does", async () => {
    const calls = [
      { on: "nowhere", run: "show version" },
      { on: "", run: "show version" },
      { on: "r1", run: "two\nlines" },
      { on: "r1", run: ["show clock", 7] },
      { on: "r1", run: "show clock", options: { idleTimeoutMs: "long" } },
      { on: "r1", configure: [] },
      { on: "r1", run: ["show clock", "clear counters"], options: { allowRejected: true } },
      { on: "r1", run: "reload" },
    ];
    const job = await client.jobs.run(work("changes", { together: calls.map((call) => ({ ...call, caught: true })) }));
    expect(answersOf(job).map(({ reason }) => reason)).toEqual([
      "DEVICE_NOT_FOUND",
      "INVALID_REQUEST",
      "TASK_MISUSED",
      "TASK_MISUSED",
      "TASK_MISUSED",
      "TASK_MISUSED",
      "NOT_READ_ONLY",
      "COMMAND_DENIED",
    ]);
    expect(job.state).toBe(JobState.SUCCEEDED);
    const uncaught = await client.jobs.run(work("reads", { together: [{ on: "nowhere", run: "show version" }] }));
    expect(uncaught).toMatchObject({ state: JobState.FAILED, error: { reason: "DEVICE_NOT_FOUND" } });
    expect(uncaught.error?.metadata).toMatchObject({ device: "nowhere" });
  });

  test("learns how a job of its own failed, and fails with it where it does not catch that", async () => {
    const bad = { on: "r1", run: "show nonsense" };
    const caught = await client.jobs.run(work("reads", { together: [{ ...bad, caught: true }] }));
    const [child] = await childrenOf(caught);
    expect(answersOf(caught)).toMatchObject([
      { reason: "DEVICE_REJECTED", job: child?.id, state: "FAILED", effect: "NONE" },
    ]);
    const uncaught = await client.jobs.run(work("reads", { together: [bad] }));
    expect(uncaught).toMatchObject({ state: JobState.FAILED, error: { reason: "DEVICE_REJECTED" } });
    expect(uncaught.error?.metadata).toMatchObject({ device: "r1", job: (await childrenOf(uncaught))[0]?.id });
    expect(uncaught.error?.deviceMessage).toMatch(/Invalid input/);
  });

  test("whose job ends in doubt is told so; the doubt and the hold are that job's", async () => {
    const configure = ["interface Loopback7", "description lost on the way"];
    const call = { on: "lost", configure };
    const caught = await client.jobs.run(work("changes", { together: [{ ...call, caught: true }] }));
    expect(caught).toMatchObject({ state: JobState.SUCCEEDED });
    const [child] = await childrenOf(caught);
    expect(answersOf(caught)).toMatchObject([{ state: "INDETERMINATE", job: child?.id }]);
    expect((await client.devices.get("lost")).status?.hold?.job).toBe(child?.id);
    await other.jobs.resolve(child!.id, { kind: "not-applied", reason: "looked" });
    const uncaught = await client.jobs.run(work("repeats", { together: [call] }, { retry: { maxAttempts: 3 } }));
    expect(uncaught).toMatchObject({ state: JobState.FAILED, effect: Effect.PARTIAL });
    expect(uncaught.attempts).toHaveLength(1);
  });

  test("that is tried again asks anew", async () => {
    const together = [{ on: "r1", run: "show clock" }];
    const retry = { maxAttempts: 2, initialBackoffMs: 1 };
    const job = await client.jobs.run(work("reads", { together, failFirst: true }, { retry }));
    expect(job).toMatchObject({ state: JobState.SUCCEEDED });
    const children = await childrenOf(job);
    expect(children).toHaveLength(2);
    expect(new Set(children.map(({ id }) => id)).size).toBe(2);
  });

  test("that throws, or answers without having waited, takes what still is under way with it", async () => {
    const together = [
      { on: "r1", run: "show nonsense" },
      { on: "r2", run: "show stuck" },
    ];
    const job = await client.jobs.run(work("reads", { together }, { retry: { maxAttempts: 1 } }));
    expect(job).toMatchObject({ state: JobState.FAILED, error: { reason: "DEVICE_REJECTED" } });
    for (const child of await childrenOf(job)) {
      expect([JobState.FAILED, JobState.CANCELLED]).toContain(child.state);
    }
    // The device is free again.
    expect((await client.jobs.run({ device: "r2", commands: ["show clock"] })).state).toBe(JobState.SUCCEEDED);
  });
});

describe("what it waits for", () => {
  test("is a lock as for any job; a cancel of the task takes the waiting job and the running one with it", async () => {
    await other.devices.lock("r1", { scope: "all", reason: "a look by hand" });
    const together = [
      { on: "r1", run: "show clock" },
      { on: "r2", run: "show stuck" },
    ];
    const { id } = await client.jobs.create(work("reads", { together }));
    const [locked, running] = await eventually(async () => {
      const found = await childrenOf({ id });
      const on = (name: string) => found.find(({ spec }) => spec?.target.value === name);
      expect(on("r1")?.waitingReason).toBe(WaitingReason.LOCKED);
      expect(on("r2")?.state).toBe(JobState.RUNNING);
      return [on("r1")!, on("r2")!];
    });
    await client.jobs.cancel(id, { interruptRunning: true });
    expect(await client.jobs.wait(id)).toMatchObject({ state: JobState.CANCELLED });
    await inState(locked.id, JobState.CANCELLED);
    await inState(running.id, JobState.CANCELLED);
    await other.devices.unlock("r1");
  });

  test("is waited for when a lock is lifted", async () => {
    await other.devices.lock("r1", { scope: "all", reason: "a look by hand" });
    const { id } = await client.jobs.create(work("reads", { together: [{ on: "r1", run: "show clock" }] }));
    await eventually(async () =>
      expect((await childrenOf({ id })).map(({ waitingReason }) => waitingReason)).toEqual([WaitingReason.LOCKED]),
    );
    await other.devices.unlock("r1");
    expect((await client.jobs.wait(id)).state).toBe(JobState.SUCCEEDED);
  });

  test("ends with the task's time: nothing of it waits or runs on", async () => {
    await other.devices.lock("r1", { scope: "all", reason: "a look by hand" });
    const together = [
      { on: "r1", run: "show clock" },
      { on: "r2", run: "show stuck" },
    ];
    const job = await client.jobs.run(work("reads", { together }, { executionTimeoutMs: 4_000 }));
    expect(job).toMatchObject({ state: JobState.FAILED, error: { reason: "EXECUTION_TIMEOUT" } });
    const children = await childrenOf(job);
    expect(children).toHaveLength(2);
    for (const { id, spec } of children) {
      expect(Number(spec?.queueTimeout?.seconds)).toBeLessThanOrEqual(4);
      await eventually(async () =>
        expect([JobState.CANCELLED, JobState.EXPIRED, JobState.FAILED]).toContain((await client.jobs.get(id)).state),
      );
    }
    await other.devices.unlock("r1");
  });

  test("a job of a caller who does not want to wait does not wait there either", async () => {
    await other.devices.lock("r1", { scope: "all", reason: "a look by hand" });
    const job = await client.jobs.run(
      work("reads", { together: [{ on: "r1", run: "show clock" }] }, { failIfBlocked: true }),
    );
    expect(job).toMatchObject({ state: JobState.FAILED, error: { reason: "DEVICE_LOCKED" } });
    await other.devices.unlock("r1");
  });

  test("needs no permit that the task holds: limits of its caller and its labels hold for the work itself", async () => {
    await other.queues.setLimit("caller/ann", 1);
    await other.queues.setLimit("label/team", 1);
    const together = names.map((on) => ({ on, run: "show clock" }));
    const jobs = await Promise.all(
      [1, 2, 3].map(() => client.jobs.run(work("reads", { together }, { labels: { team: "wan" } }))),
    );
    expect(jobs.map(({ state }) => state)).toEqual(jobs.map(() => JobState.SUCCEEDED));
    await other.queues.setLimit("caller/ann", 0);
    await other.queues.setLimit("label/team", 0);
  });
});

test("a task that holds a device asks for no other, and the error says what to do", async () => {
  const job = await client.jobs.run(work("reads", { together: [{ on: "r2", run: "show clock" }] }, { device: "r1" }));
  expect(job).toMatchObject({ state: JobState.FAILED, error: { reason: "TASK_FAILED" } });
  expect(job.error?.message).toMatch(/create it without a device/);
  const own = await client.jobs.run(
    work("reads", { together: [{ on: "r1", run: ["show clock", "show version"] }] }, { device: "r1" }),
  );
  expect(answersOf(own)[0]).toHaveLength(2);
  expect(await childrenOf(own)).toEqual([]);
});
