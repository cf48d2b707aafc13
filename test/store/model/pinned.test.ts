import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { newJob } from "../../support/jobs.js";
import { openTestStore, type TestStore } from "../../support/store.js";

/** What random histories found once, shortened, so that it stays found. */
let at: TestStore;

beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());
afterEach(async () => {
  await at.redis.flushall();
  await at.store.ensureZone("default");
});

test("a job whose start time has passed already is queued now, not then", async () => {
  const { job } = await at.store.jobs.create(newJob(at.time.now, { startAfterMs: at.time.now - 5_000 }));
  expect(job).toMatchObject({ state: "QUEUED", queueMs: at.time.now });
  expect(await at.store.jobs.get(job.id)).toEqual({ ...job, spec: Buffer.from(job.spec) });
});
