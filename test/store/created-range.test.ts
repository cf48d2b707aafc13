import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createJobId, createRunId } from "../../src/domain/job-id.js";
import type { NewRun } from "../../src/domain/run.js";
import { scheduledRunId } from "../../src/store/scheduled-run-id.js";
import { systemRandom } from "../../src/system/random.js";
import { newJob } from "../support/jobs.js";
import { openTestStore, type TestStore } from "../support/store.js";

let at: TestStore;
beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());
beforeEach(() => at.empty());

describe("lists of what was created in a range of time", () => {
  test.each([
    ["made on a server's clock a little before", -20],
    ["made on a clock that is ahead", 20],
  ])("hold a job by the time it shows, its id %s", async (_how, aheadMs) => {
    const id = createJobId(at.time.now + aheadMs, 0, systemRandom);
    const { job } = await at.store.jobs.create(newJob(at.time.now, { id }));
    const found = async (createdAfterMs: number, createdBeforeMs: number): Promise<number> =>
      (await at.store.jobs.list({ createdAfterMs, createdBeforeMs }, { limit: 10 })).jobs.length;
    expect(await found(job.createMs, job.createMs + 1)).toBe(1);
    expect(await found(job.createMs - 1, job.createMs)).toBe(0);
    expect(await found(job.createMs + 1, job.createMs + 2)).toBe(0);
  });

  test("hold a run that makes up for a time long past, and each once, also of a schedule that is named twice", async () => {
    const rollout = {
      ...{ canary: 0, batchSize: 0, maxParallel: 0, laneLimits: [], grouped: false, pauseMs: 0 },
      ...{ holdAfterCanary: false, maxFailures: 0, maxFailurePercent: 0, minSuccessPercent: 0, pauseOnFailure: false },
    };
    const run = (id: string): NewRun => ({
      ...{ id, creator: "test", spec: new TextEncoder().encode("spec"), rollout, labels: {}, schedule: "nightly" },
      targets: [{ name: "r1", zone: "default" }],
    });
    const backfilled = scheduledRunId(createRunId(at.time.now, systemRandom), at.time.now - 7 * 86_400_000);
    const latest = createRunId(at.time.now + 20, systemRandom);
    for (const id of [backfilled, latest]) await at.store.runs.create(run(id));
    const range = { createdAfterMs: at.time.now, createdBeforeMs: at.time.now + 1 };
    const { runs } = await at.store.runs.list({ ...range, schedules: ["nightly", "nightly"] }, { limit: 10 });
    expect(runs.map(({ id }) => id)).toEqual([latest, backfilled]);
  });
});
