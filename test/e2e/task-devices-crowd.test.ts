import { type JobInput, toJson } from "@pointsman/sdk";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { Effect, type Job, JobState } from "@pointsman/sdk/v1";
import { afterEach, describe, expect, test } from "vitest";
import { createDoor } from "../support/door.js";
import { eventually } from "../support/eventually.js";
import { device, startSystem, type System } from "../support/system.js";

/** A reaper waits 15 s, and what it frees is taken within five seconds more; the machine may be busy. */
const endedWithinMs = 120_000;
const modules = { POINTSMAN_TASK_MODULES: "test/e2e/tasks/fleet.mjs" };
const names = ["r1", "r2", "r3"];

let at: System;
afterEach(() => at.close());

const work = (kind: string, input: object, more: object = {}): JobInput =>
  ({ task: { type: `fleet.${kind}`, input }, ...more }) as JobInput;

/** The jobs that a job's task asked for, oldest first. */
async function childrenOf(id: string): Promise<Job[]> {
  const found: Job[] = [];
  for await (const { event } of at.client.jobs.events(id, { kinds: ["log"] })) {
    const said = event.case === "log" ? /^job (\w{26}) on /.exec(event.value.message) : null;
    if (said) found.push(await at.client.jobs.get(said[1]!));
  }
  return found;
}

describe("a crowd of tasks that wait for jobs", () => {
  test.each([
    ["one place and one thread", { POINTSMAN_CAPACITY: "1", POINTSMAN_TASK_THREADS: "1" }],
    ["two places and more threads", { POINTSMAN_CAPACITY: "2", POINTSMAN_TASK_THREADS: "4" }],
    ["more places than threads", { POINTSMAN_CAPACITY: "4", POINTSMAN_TASK_THREADS: "1" }],
  ])("does not keep these from a worker with %s", async (_, sizes) => {
    at = await startSystem({ devices: names.map((name) => device(name)), workers: 0 });
    // All are there before the worker is, so that the tasks stand before every job of theirs. On the first device
    // something of the same kind that needs a thread and a place stands before them as well.
    await at.startWorker({ ...modules, ...sizes, POINTSMAN_NODE: "alpha" });
    await at.client.workers.suspend({ nodes: ["alpha"] });
    const together = names.map((on) => ({ on, run: "show clock" }));
    const asked: Job[] = [];
    for (let i = 0; i < 8; i++) {
      asked.push(
        await at.client.jobs.create(work("reads", { together, inTurn: together }, { executionTimeoutMs: 60_000 })),
      );
      asked.push(await at.client.jobs.create(work("reads", { inTurn: [{ run: "show clock" }] }, { device: "r1" })));
    }
    await at.client.workers.resume({ nodes: ["alpha"] });
    for (const { id } of asked) {
      const job = await at.client.jobs.wait(id, { timeoutMs: endedWithinMs });
      expect(job.state, JSON.stringify(job.error)).toBe(JobState.SUCCEEDED);
    }
  });

  test("lends the permits of those that wait for a thread as well", async () => {
    at = await startSystem({ devices: [device("r1")], workers: 0 });
    await at.startWorker({ ...modules, POINTSMAN_TASK_THREADS: "1", POINTSMAN_NODE: "alpha" });
    await at.client.queues.setLimit("label/team", 1);
    await at.client.workers.suspend({ nodes: ["alpha"] });
    const more = { labels: { team: "wan" }, executionTimeoutMs: 60_000 };
    const together = [{ on: "r1", run: "show clock" }];
    const asked: Job[] = [];
    for (let i = 0; i < 2; i++) asked.push(await at.client.jobs.create(work("reads", { together }, more)));
    await at.client.workers.resume({ nodes: ["alpha"] });
    for (const { id } of asked) {
      const job = await at.client.jobs.wait(id, { timeoutMs: endedWithinMs });
      expect(job.state, JSON.stringify(job.error)).toBe(JobState.SUCCEEDED);
    }
  });

  test("is no larger than the worker's places, while other work goes on", async () => {
    at = await startSystem({ devices: names.map((name) => device(name)), workers: 0 });
    await at.startWorker({ ...modules, POINTSMAN_CAPACITY: "2", POINTSMAN_TASK_THREADS: "4" });
    await at.client.queues.pause("device/r1");
    const together = [{ on: "r1", run: "show clock" }];
    const asked: Job[] = [];
    for (let i = 0; i < 8; i++) asked.push(await at.client.jobs.create(work("reads", { together })));
    const running = async (): Promise<number> => {
      const jobs = await Promise.all(asked.map(({ id }) => at.client.jobs.get(id)));
      return jobs.filter(({ state }) => state === JobState.RUNNING).length;
    };
    await eventually(async () => expect(await running()).toBeGreaterThanOrEqual(2));
    for (const on of ["r2", "r3", "r2", "r3"]) {
      expect((await at.client.jobs.run({ device: on, commands: ["show clock"] })).state).toBe(JobState.SUCCEEDED);
    }
    // One less than there are places, and what one claim may take.
    expect(await running()).toBeLessThanOrEqual(3);
    await at.client.queues.resume("device/r1");
    for (const { id } of asked) {
      expect((await at.client.jobs.wait(id, { timeoutMs: endedWithinMs })).state).toBe(JobState.SUCCEEDED);
    }
  });

  test("goes on at the next call with what stands behind it", async () => {
    at = await startSystem({ devices: names.map((name) => device(name)), workers: 0 });
    const { log } = await at.startWorker({ ...modules, POINTSMAN_CAPACITY: "2", POINTSMAN_TASK_THREADS: "2" });
    const together = Array.from({ length: 200 }, (_, i) => ({ on: names[i % 3]!, run: "show clock" }));
    const job = await at.client.jobs.run(work("reads", { together }));
    expect(job.state, JSON.stringify(job.error)).toBe(JobState.SUCCEEDED);
    const answers = job.result?.result.case === "task" && job.result.result.value.output;
    expect(answers && (toJson(ValueSchema, answers) as unknown[]).length).toBe(200);
    expect(await childrenOf(job.id)).toHaveLength(200);
    expect(log.join("\n")).not.toContain("MaxListenersExceededWarning");
  });
});

test("a task reaches devices of zones that its worker does not serve, and limits there stand in nobody's way", async () => {
  at = await startSystem({ devices: [device("r1"), device("r2")], workers: 0 });
  const { client } = at;
  await client.devices.delete("r2");
  const { host: address, port, hostKeyLine } = at.simulator.device("r2");
  const place = { address, port, platform: "cisco_ios", hostKeys: [hostKeyLine], credential: "lab" };
  await at.startWorker({ ...modules, POINTSMAN_ZONES: "default" });
  await at.startWorker({ ...modules, POINTSMAN_ZONES: "fra" });
  await client.devices.create({ name: "r2", zone: "fra", ...place });
  for (const zone of ["default", "fra"]) await client.queues.setLimit("label/team", 1, { zone });
  const together = ["r1", "r2"].map((on) => ({ on, run: "show clock" }));
  const labels = { team: "wan" };
  const asked = [{ labels }, { labels, zone: "fra" }].map((more) => client.jobs.run(work("reads", { together }, more)));
  for (const job of await Promise.all(asked)) {
    expect(job.state, JSON.stringify(job.error)).toBe(JobState.SUCCEEDED);
    expect((await childrenOf(job.id)).map(({ zone }) => zone).sort()).toEqual(["default", "fra"]);
  }
});

test("a worker that is asked to stop takes the jobs of its task with it, and the task begins anew elsewhere", async () => {
  at = await startSystem({
    devices: [device("r1"), device("r2", { faults: { hang: { matching: "show clock", times: 1 } } })],
    workers: 0,
  });
  const first = await at.startWorker(modules);
  await at.client.queues.pause("device/r1");
  const together = ["r1", "r2"].map((on) => ({ on, run: "show clock" }));
  const { id } = await at.client.jobs.create(work("reads", { together }));
  await at.simulator.find((entry) => entry.device === "r2" && entry.line === "show clock");
  const left = await eventually(async () => {
    const found = await childrenOf(id);
    expect(found).toHaveLength(2);
    return found;
  });
  await first.stop();
  for (const child of left) {
    expect((await at.client.jobs.wait(child.id, { timeoutMs: endedWithinMs })).state).toBe(JobState.CANCELLED);
  }
  await at.client.queues.resume("device/r1");
  await at.startWorker(modules);
  const job = await at.client.jobs.wait(id, { timeoutMs: endedWithinMs });
  expect(job.state, JSON.stringify(job.error)).toBe(JobState.SUCCEEDED);
  expect(await childrenOf(id)).toHaveLength(4);
});

describe("stopping changes", () => {
  test.each([true, false])(
    "lets a job that changes a device have its answer, and begins no other; the task catches that: %s",
    async (caught) => {
      const answer = createDoor();
      const slow = { delay: { matching: /^ ?description/, until: answer.opened } };
      at = await startSystem({ devices: [device("r1", { faults: slow }), device("r2")], workers: 0 });
      await at.startWorker(modules);
      await at.client.queues.pause("device/r2");
      const configure = ["interface Loopback0", " description by a task", "ip domain-name example.net"];
      const together = ["r1", "r2"].map((on) => ({ on, configure, caught }));
      const { id } = await at.client.jobs.create(work("careful", { together }));
      await at.simulator.find((entry) => entry.device === "r1" && entry.line.includes("description"));
      const [runs, waits] = await eventually(async () => {
        const found = await childrenOf(id);
        const on = (name: string) => found.find(({ spec }) => spec?.target.value === name);
        expect(on("r1")?.state).toBe(JobState.RUNNING);
        expect(on("r2")?.state).toBe(JobState.QUEUED);
        return [on("r1")!, on("r2")!];
      });
      await at.client.policies.stopChanges("fire in the datacentre");
      await at.toldToStop(runs.id);
      expect((await at.client.jobs.wait(waits.id, { timeoutMs: endedWithinMs })).state).toBe(JobState.CANCELLED);
      expect((await at.client.jobs.get(runs.id)).state).toBe(JobState.RUNNING);
      answer.open();
      const stopped = { state: JobState.FAILED, effect: Effect.PARTIAL, error: { reason: "CHANGES_STOPPED" } };
      expect(await at.client.jobs.wait(runs.id, { timeoutMs: endedWithinMs })).toMatchObject(stopped);
      expect((await at.client.devices.get("r1")).status?.hold).toBeUndefined();
      const job = await at.client.jobs.wait(id, { timeoutMs: endedWithinMs });
      const failed = { state: JobState.FAILED, effect: Effect.PARTIAL, error: { reason: "CANCELLED" } };
      expect(job, JSON.stringify(job.error)).toMatchObject(caught ? { state: JobState.SUCCEEDED } : failed);
    },
  );

  test("takes back what had sent nothing and waits again", async () => {
    const answer = createDoor();
    const slow = { delay: { matching: /^terminal/, until: answer.opened } };
    at = await startSystem({ devices: [device("r1", { faults: slow })], workers: 0 });
    await at.startWorker(modules);
    const together = [{ on: "r1", configure: ["interface Loopback0"], caught: true }];
    const { id } = await at.client.jobs.create(work("careful", { together }));
    await at.simulator.find((entry) => entry.device === "r1" && entry.line.startsWith("terminal"));
    // The task says so after it has asked for the job: the device may be the first to know.
    const child = await eventually(async () => (await childrenOf(id))[0] ?? expect.fail("no job is told of yet"));
    await at.client.policies.stopChanges("fire in the datacentre");
    await at.toldToStop(child.id);
    await at.toldToStop(id);
    answer.open();
    expect((await at.client.jobs.wait(child.id, { timeoutMs: endedWithinMs })).state).toBe(JobState.CANCELLED);
    await at.client.policies.allowChanges();
    await at.client.jobs.wait(id, { timeoutMs: endedWithinMs });
    expect(at.simulator.device("r1").commands()).not.toContain("interface Loopback0");
  });
});

describe("kill -9 of the worker of a task", () => {
  test("while its jobs wait and run: those that wait expire by themselves, and the task begins anew with others", async () => {
    let answer: () => void = () => undefined;
    const until = new Promise<void>((resolve) => (answer = resolve));
    at = await startSystem({
      devices: [
        device("r1", { commands: [{ command: /^show slow/, output: "read\n" }] }),
        device("r2", {
          faults: { delay: { matching: "show slow", until } },
          commands: [{ command: /^show slow/, output: "read\n" }],
        }),
      ],
      workers: 0,
    });
    // Only the first has the task; the other one works on devices.
    const first = await at.startWorker(modules);
    await at.client.queues.pause("device/r1");
    const together = ["r1", "r2"].map((on) => ({ on, run: "show slow" }));
    const { id } = await at.client.jobs.create(work("reads", { together }, { executionTimeoutMs: 20_000 }));
    const [waits, runs] = await eventually(async () => {
      const found = await childrenOf(id);
      const on = (name: string) => found.find(({ spec }) => spec?.target.value === name);
      expect(on("r1")?.state).toBe(JobState.QUEUED);
      expect(on("r2")?.state).toBe(JobState.RUNNING);
      return [on("r1")!, on("r2")!];
    });
    await first.kill();
    await at.startWorker(modules);
    answer();
    expect(await at.client.jobs.wait(waits.id, { timeoutMs: endedWithinMs })).toMatchObject({
      ...{ state: JobState.EXPIRED, error: { reason: "QUEUE_TIMEOUT" } },
    });
    expect(await at.client.jobs.wait(runs.id, { timeoutMs: endedWithinMs })).toMatchObject({
      ...{ state: JobState.SUCCEEDED },
    });
    await at.client.queues.resume("device/r1");
    const job = await at.client.jobs.wait(id, { timeoutMs: endedWithinMs });
    expect(job.state, JSON.stringify(job.error)).toBe(JobState.SUCCEEDED);
    expect(job.attempts).toHaveLength(2);
    expect(await childrenOf(id)).toHaveLength(4);
  });

  test("in the middle of a change elsewhere: that job is in doubt and holds its device; so is the task, which holds nothing", async () => {
    const stuck = { delay: { matching: /^ ?description/, ms: 3_600_000, times: 1 } };
    at = await startSystem({ devices: [device("r1", { faults: stuck }), device("r2")], workers: 0 });
    const first = await at.startWorker(modules);
    const configure = ["interface Loopback0", " description by a task"];
    const together = ["r1", "r2"].map((on) => ({ on, configure }));
    const { id } = await at.client.jobs.create(work("careful", { together }));
    await at.simulator.find((entry) => entry.device === "r1" && entry.line.includes("description"));
    await eventually(async () =>
      expect((await childrenOf(id)).map(({ state }) => state)).toContain(JobState.SUCCEEDED),
    );
    await at.startWorker(modules);
    await first.kill();
    const job = await at.client.jobs.wait(id, { timeoutMs: endedWithinMs });
    expect(job).toMatchObject({ state: JobState.INDETERMINATE, error: { reason: "WORKER_LOST" } });
    const children = await childrenOf(id);
    const stopped = children.find(({ spec }) => spec?.target.value === "r1")!;
    expect(await at.client.jobs.wait(stopped.id, { timeoutMs: endedWithinMs })).toMatchObject({
      state: JobState.INDETERMINATE,
    });
    expect((await at.client.devices.get("r1")).status?.hold?.job).toBe(stopped.id);
    expect((await at.client.devices.get("r2")).status?.hold).toBeUndefined();
    const again = await at.client.jobs.run({ device: "r2", commands: ["show clock"] });
    expect(again).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.NONE });
    expect(
      at.simulator
        .device("r1")
        .commands()
        .filter((line) => line.includes("description")),
    ).toHaveLength(1);
  });
});
