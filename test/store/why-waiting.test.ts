import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { NewJob } from "../../src/domain/job.js";
import type { WorkerControl } from "../../src/domain/worker-control.js";
import { claimOne, newJob, worker } from "../support/jobs.js";
import { openTestStore, type TestStore } from "../support/store.js";

let at: TestStore;
const w1 = worker("w1");
const order = (kind: WorkerControl["kind"]) => ({ kind, caller: "ann", reason: "works", timeMs: 1 }) as WorkerControl;

beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());
beforeEach(() => at.empty());

const create = async (part: Partial<NewJob> = {}): Promise<string> =>
  (await at.store.jobs.create(newJob(at.time.now, part))).job.id;
const why = async (id: string) => (await at.store.jobs.waiting([(await at.store.jobs.get(id))!]))[0];

test("where every worker was told to take nothing new, a job is not about to be taken", async () => {
  await at.store.leases.register(w1);
  const ids = [await create(), await create({ endpoint: "10.0.0.2:22", skill: "node/a" })];
  const reasons = async () => (await Promise.all(ids.map(why))).map((one) => one?.reason);
  expect(await reasons()).toEqual(["CLAIM", "CLAIM"]);
  await at.store.workers.control("default", "w1", order("SUSPEND"));
  expect(await reasons()).toEqual(["NO_WORKER", "NO_WORKER"]);
  await at.store.leases.register(worker("w2"));
  expect(await reasons()).toEqual(["CLAIM", "NO_WORKER"]);
  await at.store.workers.control("default", "w1", undefined);
  expect(await reasons()).toEqual(["CLAIM", "CLAIM"]);
});

test("a job whose queue was paused behind it says so, also before a worker has met it", async () => {
  await at.store.leases.register(w1);
  await create();
  const busy = await claimOne(at.store, w1);
  const id = await create({ queue: "nightly" });
  expect(await why(id)).toEqual({ reason: "DEVICE_BUSY", blockingJob: busy!.job, position: 1 });
  await at.store.queues.pause({ zone: "default", queue: "nightly" }, { caller: "ann", reason: "", timeMs: 1 });
  expect(await why(id)).toEqual({ reason: "PAUSED", limit: "queue/nightly", position: 1 });
});
