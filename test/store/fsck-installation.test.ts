import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { nextTime } from "../../src/domain/schedule-plan.js";
import type { ScheduleRule } from "../../src/domain/schedule.js";
import { deliveryId } from "../../src/store/delivery-id.js";
import type { Problem } from "../../src/store/fsck.js";
import { createCalendar } from "../../src/system/calendar.js";
import { openTestStore, type TestStore } from "../support/store.js";

const calendar = createCalendar();
const root = "{pm}";
let at: TestStore;
beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());
beforeEach(() => at.empty());

async function check(repair = false) {
  const problems: Problem[] = [];
  const summary = await at.store.fsck.checkInstallation({ repair, report: (problem) => problems.push(problem) });
  return { problems, ...summary };
}

const rule: ScheduleRule = {
  timing: { kind: "interval", every: "every 1 minutes", periodMs: 60_000, fixedDelay: false, startNow: false },
  ...{ jitterMs: 0, overlap: "QUEUE_ONE", misfire: "ALL", windowMs: 3_600_000, pauseAfterFailures: 0 },
};

/** A run id of its own for each number. */
const runId = (n: number): string => String(n).repeat(26);

/** Schedules in every state, with runs under way, times that wait, and deliveries in every state. */
async function lively() {
  const { schedules, webhooks } = at.store;
  const start = at.time.now;
  for (const name of ["busy", "calm", "resting"]) {
    const clock = { uid: `uid-${name}`, rule, anchorMs: start };
    const next = nextTime(calendar, clock, start);
    await schedules.create({
      ...{ ...clock, name, creator: "ann", run: new Uint8Array([1]), labels: {}, description: "" },
      ...(next && { next }),
    });
  }
  at.time.now += 3 * 60_000;
  const next = { timeMs: start + 4 * 60_000, dueMs: start + 4 * 60_000 };
  const fire = [1, 2, 3].map((n) => ({ timeMs: start + n * 60_000, overlap: "IN_TURN" as const, run: runId(n) }));
  await schedules.fire((await schedules.get("busy"))!, { fire, next });
  await schedules.pause("resting", { caller: "ann", note: "", timeMs: start });
  await webhooks.create({
    ...{ name: "a", uid: "uid-a", url: "https://hook.example/", retryForMs: 86_400_000, creator: "ann" },
    ...{ filter: { events: [], queues: [], labels: {}, devices: [], zones: [] }, sealed: new Uint8Array([1]) },
  });
  const ids = ["j1", "j2", "j3"].map((subject) => deliveryId("uid-a", "job.failed", subject));
  const made = {
    uid: "uid-a",
    kind: "job.failed" as const,
    eventMs: start,
    deadlineMs: start + 86_400_000,
    body: "{}",
  };
  await webhooks.add(ids.map((id, i) => ({ ...made, id, subject: `j${i + 1}` })));
  const [good, bad] = await webhooks.take([{ uid: "uid-a", room: 2 }], 15_000);
  await webhooks.settle(good!, { kind: "delivered" }, { durationMs: 1, status: 200 });
  await webhooks.settle(bad!, { kind: "dead", reason: "GONE" }, { durationMs: 1, status: 410 });
  return { good: good!.id, bad: bad!.id, waits: ids.find((id) => id !== good!.id && id !== bad!.id)! };
}

type Made = Awaited<ReturnType<typeof lively>>;
const first = runId(1);

const breaks: readonly [string, string, (made: Made) => Promise<unknown>][] = [
  ["a schedule that is in no list", "schedule-is-listed", () => at.redis.zrem(`${root}:schedules`, "calm")],
  ["a schedule that never comes", "schedule-is-due", () => at.redis.zrem(`${root}:schedules-due`, "calm")],
  ["one that comes though it is paused", "schedule-is-due", () => at.redis.zadd(`${root}:schedules-due`, 1, "resting")],
  ["what a schedule left behind", "schedule-is-there", () => at.redis.hset(`${root}:schedule-live:gone`, first, 1)],
  ["a history that is longer than it says", "history-is-counted", () => at.redis.hset(`${root}:schedule:busy`, "n", 1)],
  ["a run that nobody looks at", "run-is-looked-at", () => at.redis.zrem(`${root}:schedules-live`, `${first} busy`)],
  ["a look at nothing", "live-run-is-known", () => at.redis.zadd(`${root}:schedules-live`, 1, `${runId(9)} busy`)],
  ["a run that nobody creates", "firing-is-due", () => at.redis.zrem(`${root}:firings`, first)],
  ["a run to create without a note", "firing-has-its-note", () => at.redis.zadd(`${root}:firings`, 1, runId(9))],
  [
    "a time that waits for nothing",
    "waiting-time-has-a-run",
    async () => {
      await at.redis.hdel(`${root}:schedule-live:busy`, first);
      await at.redis.zrem(`${root}:schedules-live`, `${first} busy`);
    },
  ],
  [
    "a delivery that is in no list",
    "delivery-in-its-list",
    ({ waits }) => at.redis.zrem(`${root}:deliveries:uid-a PENDING`, waits),
  ],
  [
    "a delivery in another state's list",
    "delivery-in-its-list",
    ({ good }) => at.redis.zadd(`${root}:deliveries:uid-a DEAD`, 7, good),
  ],
  [
    "a delivery that is never tried",
    "delivery-is-due",
    ({ waits }) => at.redis.zrem(`${root}:deliveries-due:uid-a`, waits),
  ],
  [
    "a delivery that is tried for ever",
    "delivery-ends",
    ({ waits }) => at.redis.zrem(`${root}:deliveries-late`, `uid-a ${waits}`),
  ],
  [
    "a delivery that is kept for ever",
    "delivery-is-purged",
    ({ bad }) => at.redis.zrem(`${root}:deliveries-ended`, `uid-a ${bad}`),
  ],
  [
    "an entry of a delivery that is not there",
    "entry-has-its-delivery",
    () => at.redis.zadd(`${root}:deliveries-due:uid-a`, 1, "msg_gone"),
  ],
  [
    "a delivery whose webhook is gone",
    "delivery-has-its-webhook",
    ({ good }) => at.redis.hset(`${root}:delivery:${good}`, "wh", "uid-gone"),
  ],
  [
    "figures of a webhook that is gone",
    "figures-have-their-webhook",
    () => at.redis.hset(`${root}:webhook:uid-gone`, "n", 1),
  ],
];

test("a store with something of everything is whole", async () => {
  await lively();
  expect(await check()).toEqual({ problems: [], found: 0, repaired: 0, left: 0 });
});

test.each(breaks)("finds %s, and mends it", async (_what, invariant, breakIt) => {
  const made = await lively();
  await breakIt(made);
  const seen = await check();
  expect(seen.problems.map((problem) => problem.invariant)).toContain(invariant);
  expect(seen.problems.every(({ repairable, repaired }) => repairable && !repaired)).toBe(true);
  await check(true);
  // What one repair brings to light, the next mends.
  await check(true);
  expect(await check()).toMatchObject({ problems: [] });
});

test("mending a time that waits for nothing fires it", async () => {
  await lively();
  await at.redis.hdel(`${root}:schedule-live:busy`, first);
  await check(true);
  expect(await at.redis.hkeys(`${root}:schedule-live:busy`)).toEqual([runId(2)]);
  expect((await at.store.schedules.takeFirings(10, 1_000)).map(({ run }) => run)).toContain(runId(2));
});
