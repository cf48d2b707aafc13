import { afterAll, beforeAll, expect, test } from "vitest";
import { claimOne, newJob, succeed, worker } from "../support/jobs.js";
import { openTestStore, type TestStore } from "../support/store.js";

let at: TestStore;
beforeAll(async () => {
  at = await openTestStore();
  await at.empty();
});
afterAll(() => at.close());

const minute = 60_000;
const rates = async (queue: string) => (await at.store.queues.get({ zone: "default", queue })).rates;
let last = 0;
const create = (queue?: string) => {
  const address = `10.0.0.${++last}`;
  return at.store.jobs.create(newJob(at.time.now, { address, endpoint: `${address}:22`, ...(queue && { queue }) }));
};

test("a named queue tells how much it takes and how much of it ends, over the last minutes", async () => {
  const w1 = worker("w1");
  await at.store.leases.register(w1);
  for (let i = 0; i < 12; i++) await create("backups");
  await create("others");
  await create();
  // The minute has just begun: the five before it count with it.
  expect(await rates("backups")).toEqual({ acceptedPerMinute: 12 / 5, endedPerMinute: 0 });

  at.time.now += minute;
  const holders = [];
  for (let i = 0; i < 14; i++) holders.push((await claimOne(at.store, w1))!);
  for (const holder of holders.slice(0, 4)) await succeed(at.store, holder);
  at.time.now += minute / 2;
  // What is cancelled has ended as well.
  const waiting = (await create("backups")).job.id;
  await at.store.jobs.cancel(waiting, { interruptRunning: false, caller: "ann", reason: "" });
  const many = await rates("backups");
  expect(many!.acceptedPerMinute).toBeCloseTo(13 / 5.5);
  expect(many!.endedPerMinute).toBeCloseTo(5 / 5.5);
  expect((await rates("others"))!.acceptedPerMinute).toBeCloseTo(1 / 5.5);

  at.time.now += 5 * minute;
  expect((await rates("backups"))!.acceptedPerMinute).toBeCloseTo(1 / 5.5);
  at.time.now += minute;
  expect(await rates("backups")).toEqual({ acceptedPerMinute: 0, endedPerMinute: 0 });
  // What nobody asks for any more goes by itself.
  for (const key of await at.redis.keys("*:rate:*")) expect(await at.redis.ttl(key)).toBeGreaterThan(0);
});
