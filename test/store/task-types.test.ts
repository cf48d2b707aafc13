import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { TaskType } from "../../src/domain/task-type.js";
import { skillsOf } from "../../src/domain/work-place.js";
import type { WorkerIdentity } from "../../src/store/store.js";
import { claimOne, newJob, worker } from "../support/jobs.js";
import { openTestStore, type TestStore } from "../support/store.js";

let at: TestStore;
beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());
beforeEach(() => at.empty());

const hour = 3_600_000;

function typed(name: string, ...tasks: readonly TaskType[]): WorkerIdentity {
  const skills = skillsOf(
    "n",
    tasks.map((task) => task.name),
  );
  return { ...worker(name), node: "n", skills, tasks };
}

function task(name: string, description = ""): TaskType {
  return { name, description, labels: {}, delivery: "READ_ONLY", maxDeferrals: 2 };
}

describe("a type of task", () => {
  test("is known with the workers that serve it, as the last of them describes it", async () => {
    const { leases, taskTypes } = at.store;
    await leases.register(typed("w1", task("audit", "old"), task("uptime")));
    await leases.register(typed("w2", task("audit", "new")));
    const list = await taskTypes.list();
    expect(list.map(({ name, description, workers }) => [name, description, workers])).toEqual([
      ["audit", "new", ["w1", "w2"]],
      ["uptime", "", ["w1"]],
    ]);
    expect(await taskTypes.find("default", ["uptime", "other"])).toEqual([task("uptime")]);
  });

  test("is known for an hour after its last worker has gone, and not longer; who comes back keeps it", async () => {
    const { leases, taskTypes, upkeep } = at.store;
    const w1 = typed("w1", task("audit"), task("uptime"));
    await leases.register(w1);
    await leases.retire(w1);
    await upkeep.tick("default");
    at.time.now += hour - 1;
    await leases.register(typed("w2", task("uptime")));
    await upkeep.tick("default");
    expect((await taskTypes.list()).map(({ name, workers }) => [name, workers])).toEqual([
      ["audit", []],
      ["uptime", ["w2"]],
    ]);
    at.time.now += 1;
    await upkeep.tick("default");
    expect((await taskTypes.list()).map(({ name }) => name)).toEqual(["uptime"]);
    at.time.now += 2 * hour;
    await upkeep.tick("default");
    expect((await taskTypes.list()).map(({ name }) => name)).toEqual(["uptime"]);
    const problems: unknown[] = [];
    await at.store.fsck.check("default", { repair: false, report: (problem) => problems.push(problem) });
    expect(problems).toEqual([]);
  });

  test("its jobs go to workers that have loaded it alone", async () => {
    const { leases, jobs } = at.store;
    const able = typed("w1", task("audit"));
    const other = typed("w2", task("uptime"));
    for (const one of [other, able]) await leases.register(one);
    const { job } = await jobs.create(newJob(at.time.now, { type: "task", task: "audit", skill: "task/audit" }));
    expect(await claimOne(at.store, other)).toBeUndefined();
    expect((await claimOne(at.store, able))?.job).toBe(job.id);
  });
});

describe("a job that puts itself off", () => {
  test.each([
    ["READ_ONLY", 60_000 + 90_000],
    ["AT_MOST_ONCE", 60_000],
  ] as const)("of %s work uses no attempt, is counted, and expires in time", async (effectClass, expiresInMs) => {
    const { leases, jobs, upkeep } = at.store;
    const w1 = worker("w1");
    await leases.register(w1);
    const created = at.time.now;
    const { job } = await jobs.create(newJob(created, { effectClass, queueTimeoutMs: 60_000 }));
    const holder = await claimOne(at.store, w1);
    const error = { reason: "TASK_DEFERRED", message: "not now" };
    const end = { verdict: "RETRY", retryInMs: 90_000, deferred: true, error } as const;
    await leases.finish(holder!, { ...end, intendedStep: 0, confirmedStep: 0, keepDevice: false });
    const put = await jobs.get(job.id);
    expect(put).toMatchObject({ state: "DELAYED", deferrals: 1, retryMs: created + 90_000 });
    expect(put!.expireMs).toBe(created + expiresInMs);
    if (effectClass === "AT_MOST_ONCE") return;
    at.time.now += 90_000;
    await upkeep.tick("default");
    const { claims } = await leases.claim(w1, 1, "again");
    expect(
      claims.map(({ job: { deferrals, attempt }, countedAttempts }) => [deferrals, attempt, countedAttempts]),
    ).toEqual([[1, 2, 1]]);
  });
});
