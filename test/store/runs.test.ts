import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createRunId, jobIdInRun, jobStamp } from "../../src/domain/job-id.js";
import type { NewRun } from "../../src/domain/run.js";
import type { Problem } from "../../src/store/fsck.js";
import { systemRandom } from "../../src/system/random.js";
import { eventually } from "../support/eventually.js";
import { claimOne, newJob, succeed, worker } from "../support/jobs.js";
import { openTestStore, type TestStore } from "../support/store.js";

let at: TestStore;
beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());
beforeEach(() => at.empty());

function newRun(part: Partial<NewRun> = {}, count = 3): NewRun {
  return {
    id: createRunId(at.time.now, systemRandom),
    creator: "test",
    spec: new TextEncoder().encode("spec"),
    rollout: {
      canary: 0,
      batchSize: 0,
      maxParallel: 0,
      laneLimits: [],
      grouped: false,
      pauseMs: 0,
      holdAfterCanary: false,
      maxFailures: 0,
      maxFailurePercent: 0,
      minSuccessPercent: 0,
      pauseOnFailure: false,
    },
    labels: {},
    targets: Array.from({ length: count }, (_, i) => ({ name: `r${i}`, zone: "default" })),
    ...part,
  };
}

const request = (fingerprint: string) => ({ scope: "ann/CreateRun", requestId: "r-1", fingerprint });

describe("a run in the store", () => {
  test("is created once for a request id, and leaves nothing of the others", async () => {
    const { runs } = at.store;
    const first = await runs.create(newRun({ idempotency: request("a") }, 250));
    expect(first).toMatchObject({ replayed: false, run: { state: "RUNNING", total: 250, counts: { PENDING: 250 } } });
    const before = await at.dump();
    expect(await runs.create(newRun({ idempotency: request("a") }, 250))).toMatchObject({
      replayed: true,
      run: { id: first.run.id },
    });
    await expect(runs.create(newRun({ idempotency: request("b") }))).rejects.toMatchObject({
      reason: "REQUEST_ID_REUSED",
    });
    await expect(runs.create(newRun({ retryOf: "0".repeat(26) }))).rejects.toMatchObject({ reason: "RUN_NOT_FOUND" });
    await expect(runs.create(newRun({ retryOf: first.run.id }))).rejects.toMatchObject({ reason: "RUN_NOT_FINAL" });
    expect(await at.dump()).toEqual(before);
    expect((await runs.targets(first.run.id, [0, 99, 100, 249])).map(({ name }) => name)).toEqual([
      "r0",
      "r99",
      "r100",
      "r249",
    ]);
  });

  test("says when a batch begins until it has begun", async () => {
    const { runs } = at.store;
    const { run } = await runs.create(newRun());
    await runs.change(run.id, run.revision, { batch: 1, waitMs: 5_000 });
    const waiting = await runs.get(run.id);
    expect(waiting).toMatchObject({ batch: 1, nextMs: at.time.now + 5_000 });
    at.time.now += 5_000;
    const start = [{ index: 0, stamp: jobStamp(at.time.now, 0) }];
    expect(await runs.change(run.id, waiting!.revision, { start })).toBe(true);
    const begun = await runs.get(run.id);
    expect(begun?.nextMs).toBeUndefined();
    await runs.change(run.id, begun!.revision, { batch: 2, waitMs: 0 });
    expect(await runs.get(run.id)).toMatchObject({ batch: 2 });
    expect((await runs.get(run.id))?.nextMs).toBeUndefined();
  });

  test("changes only at the revision that was seen, and an end counts once", async () => {
    const { runs } = at.store;
    const { run } = await runs.create(newRun());
    const start = [{ index: 1, stamp: jobStamp(at.time.now, 0) }];
    expect(await runs.change(run.id, run.revision, { batch: 1, start })).toBe(true);
    expect(await runs.change(run.id, run.revision, { state: "PAUSED" })).toBe(false);
    const [progress] = await runs.progress(run.id, [1]);
    const job = jobIdInRun(run.id, 1, start[0]!.stamp);
    expect(progress).toEqual({ index: 1, state: "STARTED", job });
    for (let i = 0; i < 2; i++) await runs.end(run.id, [{ index: 1, state: "FAILED", job }]);
    await runs.end(run.id, [{ index: 1, state: "SUCCEEDED", job }]);
    expect((await runs.get(run.id))?.counts).toMatchObject({ PENDING: 2, STARTED: 0, FAILED: 1, SUCCEEDED: 0 });
    expect(await runs.history(run.id, 0, 10)).toMatchObject([{ kind: "changed" }, { kind: "ended", index: 1 }]);
  });

  test("hears of the end of its jobs from their zone, once, whoever brings it and however often", async () => {
    const { runs, jobs, leases } = at.store;
    const { run } = await runs.create(newRun());
    const stamp = jobStamp(at.time.now, 0);
    await runs.change(run.id, run.revision, { start: [{ index: 2, stamp }] });
    const id = jobIdInRun(run.id, 2, stamp);
    const idempotency = { scope: `run/${run.id}`, requestId: "2", fingerprint: run.id };
    const job = newJob(at.time.now, { id, run: { id: run.id, index: 2 }, idempotency });
    expect(await jobs.create(job)).toMatchObject({ replayed: false, job: { run: { id: run.id, index: 2 } } });
    expect(await jobs.create(job)).toMatchObject({ replayed: true, job: { id } });
    await runs.born(run.id, [{ index: 2, job: id }]);
    expect(await runs.codes(run.id, 0, 3)).toBe("ppj");
    expect((await jobs.list({ runs: [run.id] }, { limit: 10 })).jobs.map((one) => one.id)).toEqual([id]);

    const by = worker("w1");
    await leases.register(by);
    await succeed(at.store, (await claimOne(at.store, by))!);
    const told = await at.redis.zrange("{pm:default}:run-ends", 0, "-1");
    expect(await runs.drain("default", 10)).toBe(1);
    expect(await runs.drain("default", 10)).toBe(0);
    // A server that was cut off before it took the end out of the zone brings it again.
    await at.redis.zadd("{pm:default}:run-ends", 1, told[0] ?? "");
    expect(await runs.drain("default", 10)).toBe(1);
    expect((await runs.get(run.id))?.counts).toMatchObject({ PENDING: 2, STARTED: 0, SUCCEEDED: 1 });
  });

  test("tells its followers that it changed, and nobody else", async () => {
    const { runs, watches } = at.store;
    const [{ run }, { run: other }] = [await runs.create(newRun()), await runs.create(newRun())];
    let [heard, others] = [0, 0];
    const stops = [watches.onRun(run.id, () => heard++), watches.onRun(other.id, () => others++)];
    try {
      // Whoever begins to follow is told once, from when on nothing is missed.
      await eventually(() => expect(heard).toBe(1));
      await runs.end(run.id, [{ index: 0, state: "SUCCEEDED" }]);
      await eventually(() => expect(heard).toBe(2));
      expect(others).toBe(1);
    } finally {
      for (const stop of stops) stop();
    }
  });

  test("is in the hands of one server at a time", async () => {
    const { runs } = at.store;
    const { run } = await runs.create(newRun());
    expect(await runs.take(run.id, "a")).toMatchObject({ run: { id: run.id }, nowMs: at.time.now });
    expect(await runs.take(run.id, "b")).toBeUndefined();
    expect(await runs.take(run.id, "a")).toBeDefined();
    await at.redis.del(`{pm}:run-driver:${run.id}`);
    expect(await runs.take(run.id, "b")).toBeDefined();
  });

  test("ends, is kept as long as it is to be, and goes with all that it had", async () => {
    const { runs } = at.store;
    const before = await at.dump();
    const { run } = await runs.create(newRun({ schedule: "nightly" }));
    expect(await runs.change(run.id, run.revision, { state: "CANCELLED", leaveRest: true })).toBe(true);
    expect(await runs.get(run.id)).toMatchObject({ state: "CANCELLED", counts: { UNTOUCHED: 3, PENDING: 0 } });
    expect([...(await runs.active())]).toEqual([]);
    expect(await runs.change(run.id, run.revision + 1, { state: "RUNNING" })).toBe(false);
    expect((await runs.list({ schedules: ["nightly"] }, { limit: 5 })).runs).toHaveLength(1);
    const rule = { succeededMs: 1_000, failedMs: 5_000 };
    at.time.now += 2_000;
    expect(await runs.retain(rule)).toBe(0);
    at.time.now += 4_000;
    expect(await runs.retain(rule)).toBe(1);
    // The news of runs are kept for their followers, a bounded number.
    await at.redis.del("{pm}:feed");
    expect(await at.dump()).toEqual(before);
  });

  test("has its counts checked and mended", async () => {
    const { runs, fsck } = at.store;
    const { run } = await runs.create(newRun());
    await at.redis.hset(`{pm}:run:${run.id}`, "c:p", "7");
    await at.redis.srem("{pm}:runs-active", run.id);
    const problems: Problem[] = [];
    const report = (problem: Problem) => void problems.push(problem);
    expect(await fsck.checkInstallation({ repair: true, report })).toMatchObject({ found: 2, repaired: 2, left: 0 });
    expect(problems.map(({ invariant }) => invariant).sort()).toEqual(["run-counts", "run-is-active"]);
    expect((await runs.get(run.id))?.counts.PENDING).toBe(3);
    expect([...(await runs.active()).keys()]).toEqual([run.id]);
    expect(await fsck.checkInstallation({ repair: false, report })).toMatchObject({ found: 0 });
  });
});
