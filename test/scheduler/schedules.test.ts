import { create, toBinary } from "@bufbuild/protobuf";
import { RunSpecSchema } from "@pointsman/sdk/v1";
import pino from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { createRunStarter } from "../../src/api/schedules/schedule-starter.js";
import type { ScheduleRule } from "../../src/domain/schedule.js";
import { nextTime } from "../../src/domain/schedule-plan.js";
import type { Service } from "../../src/domain/service.js";
import { createRunEnds } from "../../src/scheduler/run-ends.js";
import { createScheduleLoop } from "../../src/scheduler/schedules.js";
import { createSealer } from "../../src/secrets/sealer.js";
import type { ScheduleEntry, ScheduleRecord } from "../../src/store/store.js";
import { createCalendar } from "../../src/system/calendar.js";
import { systemClock } from "../../src/system/clock.js";
import { systemRandom } from "../../src/system/random.js";
import { testPlatforms } from "../support/api-server.js";
import { eventually } from "../support/eventually.js";
import { openTestStore, type TestStore } from "../support/store.js";

const calendar = createCalendar();
const logger = pino({ level: "silent" });
const hour = 3_600_000;

/** Waits until something holds, and gives back what was found. */
const until = <T>(probe: () => Promise<T>): Promise<T> =>
  eventually(async () => {
    const found = await probe();
    expect(found).toBeTruthy();
    return found;
  });

let at: TestStore;
let servers: Service[] = [];

beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());

beforeEach(async () => {
  await at.empty();
  const { store } = at;
  await store.ensureZone("default");
  const secrets = { hasPassword: false, hasPrivateKey: false, hasEnableSecret: false, sealed: new Uint8Array() };
  await store.credentials.create({ name: "lab", username: "ann", ...secrets });
  const device = { name: "r1", address: "10.0.0.1", port: 22, platform: "cisco_ios", credential: "lab" };
  await store.devices.create({ ...device, zone: "default", endpoint: "10.0.0.1:22", labels: {} });
});

afterEach(async () => {
  for (const server of servers) await server.stop();
  servers = [];
});

/** What a server does about schedules. Three of them stand side by side. */
async function startServers(count = 3): Promise<void> {
  const { store } = at;
  const sealer = createSealer({ key: new Uint8Array(32), random: systemRandom });
  const parts = { store, clock: systemClock, random: systemRandom, logger };
  const starter = createRunStarter({ ...parts, sealer, platforms: testPlatforms, forbidInlineEndpoints: false });
  servers = Array.from({ length: count }, () => createScheduleLoop({ ...parts, starter, calendar }));
  servers.push(createRunEnds(parts));
  for (const server of servers) await server.start();
}

const run = toBinary(
  RunSpecSchema,
  create(RunSpecSchema, {
    devices: ["r1"],
    job: { operation: { case: "commands", value: { commands: [{ command: "show clock" }] } } },
  }),
);

function rule(given: Partial<ScheduleRule> = {}): ScheduleRule {
  return {
    timing: { kind: "interval", every: "every 1 minutes", periodMs: 60_000, fixedDelay: false, startNow: false },
    ...{ jitterMs: 0, overlap: "ALLOW", misfire: "ONE", windowMs: hour, pauseAfterFailures: 0 },
    ...given,
  };
}

async function add(given: Partial<ScheduleRule> = {}, name = "s"): Promise<void> {
  const clock = { uid: `uid-${name}`, rule: rule(given), anchorMs: at.time.now };
  const next = nextTime(calendar, clock, at.time.now - 1);
  const body = { ...clock, name, creator: "ann", run, labels: {}, description: "" };
  await at.store.schedules.create({ ...body, ...(next && { next }) });
}

const get = async (name = "s"): Promise<ScheduleRecord> => (await at.store.schedules.get(name))!;
const history = (name = "s"): Promise<readonly ScheduleEntry[]> => at.store.schedules.history(name, { limit: 1_000 });

/** The history, oldest first, as "<seconds since the beginning> <outcome>". */
async function told(start: number, name = "s"): Promise<string[]> {
  return [...(await history(name))].reverse().map(({ timeMs, outcome }) => `${(timeMs - start) / 1_000} ${outcome}`);
}

/** Ends the one run that is under way. */
async function endRun(state: "SUCCEEDED" | "FAILED"): Promise<void> {
  const live = await until(async () => (await history()).find((one) => one.run !== undefined && !one.runState));
  const id = live!.run!;
  await until(async () => {
    const run = await at.store.runs.get(id);
    return run?.state === state || (run && (await at.store.runs.change(id, run.revision, { state })));
  });
  at.time.now += 1_000;
  await until(async () => (await history()).find((one) => one.run === id)?.runState !== undefined);
}

test("three servers fire each time once, and each run is there once", async () => {
  const start = at.time.now;
  await startServers();
  await add();
  for (let minute = 1; minute <= 20; minute++) {
    at.time.now = start + minute * 60_000;
    await until(async () => (await get()).counts.fired === minute);
  }
  expect(await told(start)).toEqual(Array.from({ length: 20 }, (_, minute) => `${(minute + 1) * 60} FIRED`));
  await until(async () => (await at.store.runs.list({ schedules: ["s"] }, { limit: 100 })).runs.length === 20);
  const { runs } = await at.store.runs.list({ schedules: ["s"] }, { limit: 100 });
  expect(runs.map(({ scheduledMs }) => scheduledMs).sort()).toEqual(
    Array.from({ length: 20 }, (_, minute) => start + (minute + 1) * 60_000),
  );
});

test.each([
  ["SKIP", ["60 MISSED"]],
  ["ONE", ["60 MISSED", "3600 FIRED"]],
  ["ALL", Array.from({ length: 60 }, (_, minute) => `${(minute + 1) * 60} FIRED`)],
] as const)("after an hour without a server, %s makes up for what it says", async (misfire, expected) => {
  const start = at.time.now;
  await add({ misfire });
  at.time.now = start + hour + 30_000;
  await startServers();
  await until(async () => (await told(start)).length >= expected.length);
  expect(await told(start)).toEqual(expected);
  expect((await get()).nextMs).toBe(start + hour + 60_000);
});

test.each(["SKIP", "CANCEL_PREVIOUS"] as const)(
  "ALL makes up in turn where the overlap policy is %s: never two at once, none lost, none twice",
  async (overlap) => {
    const start = at.time.now;
    const minutes = Array.from({ length: 10 }, (_, minute) => (minute + 1) * 60);
    await add({ misfire: "ALL", overlap });
    at.time.now = start + 10 * 60_000 + 30_000;
    await startServers();
    await until(async () => (await told(start)).length >= minutes.length);
    const [first, ...rest] = minutes;
    expect(await told(start)).toEqual([`${first} FIRED`, ...rest.map((second) => `${second} QUEUED`)]);
    for (const _ of minutes) {
      expect((await get()).liveRuns).toBe(1);
      await endRun("SUCCEEDED");
    }
    const fired = (await told(start)).filter((one) => one.endsWith(" FIRED"));
    expect(fired).toEqual(minutes.map((second) => `${second} FIRED`));
    expect(await get()).toMatchObject({ liveRuns: 0, counts: { fired: 10, skipped: 0 } });
    expect((await at.store.runs.list({ schedules: ["s"] }, { limit: 100 })).runs).toHaveLength(10);
  },
);

test("what comes in its time meanwhile meets the overlap policy, and a pause lets go what waits", async () => {
  const start = at.time.now;
  await add({ misfire: "ALL", overlap: "SKIP" });
  at.time.now = start + 3 * 60_000 + 30_000;
  await startServers();
  await until(async () => (await told(start)).length >= 3);
  at.time.now = start + 4 * 60_000;
  await until(async () => (await told(start)).length >= 4);
  await at.store.schedules.pause("s", { caller: "bob", note: "", timeMs: 0 });
  expect(await told(start)).toEqual([
    "60 FIRED",
    "120 QUEUED",
    "180 QUEUED",
    "240 SKIPPED_OVERLAP",
    "120 SKIPPED_PAUSED",
  ]);
  expect((await history())[0]).toMatchObject({ outcome: "SKIPPED_PAUSED", count: 2, lastMs: start + 180_000 });
  await endRun("SUCCEEDED");
  expect(await get()).toMatchObject({ liveRuns: 0, counts: { fired: 1, skipped: 3 } });
});

test("a time that waits comes although the run before it could not be started", async () => {
  const start = at.time.now;
  await add({ misfire: "ALL", overlap: "SKIP" });
  at.time.now = start + 2 * 60_000 + 30_000;
  await at.store.devices.remove("r1");
  await startServers();
  await until(async () => (await get()).counts.refused === 2);
  expect((await told(start)).sort()).toEqual(["120 QUEUED", "120 REFUSED", "60 REFUSED"]);
  expect(await get()).toMatchObject({ liveRuns: 0 });
});

test("while a run is under way, SKIP passes over, QUEUE_ONE keeps one time, and it comes when the run has ended", async () => {
  const start = at.time.now;
  await startServers();
  await add({ overlap: "QUEUE_ONE" });
  for (let minute = 1; minute <= 3; minute++) {
    at.time.now = start + minute * 60_000;
    await until(async () => (await told(start)).length === minute);
  }
  expect(await told(start)).toEqual(["60 FIRED", "120 QUEUED", "180 SKIPPED_OVERLAP"]);
  await endRun("SUCCEEDED");
  expect((await told(start)).at(-1)).toBe("120 FIRED");
  expect(await get()).toMatchObject({ counts: { fired: 2, skipped: 1 }, liveRuns: 1 });
});

test("CANCEL_PREVIOUS cancels what is under way", async () => {
  const start = at.time.now;
  await startServers();
  await add({ overlap: "CANCEL_PREVIOUS" });
  at.time.now = start + 60_000;
  await until(async () => (await get()).lastRun !== undefined);
  const first = (await get()).lastRun!;
  at.time.now = start + 120_000;
  await until(async () => (await get()).lastRun !== first);
  await until(async () => /CANCELL/.test((await at.store.runs.get(first))?.state ?? ""));
});

test("a fixed delay counts from the end of a run", async () => {
  const start = at.time.now;
  const timing = {
    kind: "interval",
    every: "every 1 minutes",
    periodMs: 60_000,
    fixedDelay: true,
    startNow: true,
  } as const;
  await startServers();
  await add({ timing });
  await until(async () => (await get()).liveRuns === 1);
  at.time.now = start + 10 * 60_000;
  expect((await get()).nextMs).toBeUndefined();
  await endRun("SUCCEEDED");
  const ended = (await history())[0]!.runEndMs!;
  await until(async () => (await get()).nextMs === ended + 60_000);
});

test("a schedule pauses itself after so many failures in a row, and says so", async () => {
  const start = at.time.now;
  await startServers();
  await add({ pauseAfterFailures: 2 });
  for (let minute = 1; minute <= 2; minute++) {
    at.time.now = start + minute * 60_000;
    await until(async () => (await get()).counts.fired === minute);
    await endRun("FAILED");
  }
  expect(await get()).toMatchObject({ failures: 2, paused: { caller: "", note: "2 runs in a row did not succeed" } });
  at.time.now = start + hour;
  expect(await at.store.schedules.due(10)).toMatchObject({ schedules: [] });
});

test("whoever saw an older state of a schedule fires nothing", async () => {
  const start = at.time.now;
  await add();
  at.time.now = start + 60_000;
  const seen = await get();
  const wish = (timeMs: number) => ({
    fire: [{ timeMs, overlap: "ALLOW" as const, run: "r".repeat(26) }],
    next: { timeMs: timeMs + 60_000, dueMs: timeMs + 60_000 },
  });
  await at.store.schedules.pause("s", { caller: "bob", note: "", timeMs: 0 });
  expect(await at.store.schedules.fire(seen, wish(start + 60_000))).toBe(false);
  await at.store.schedules.resume("s", 2, { timeMs: start + 60_000, dueMs: start + 60_000 });
  const fresh = await get();
  expect(await at.store.schedules.fire(fresh, wish(start + 60_000))).toBe(true);
  expect(await at.store.schedules.fire(fresh, wish(start + 60_000))).toBe(false);
  await at.store.schedules.remove("s");
  expect(await at.store.schedules.fire(fresh, wish(start + 120_000))).toBe(false);
  expect(await at.store.schedules.takeFirings(10, 0)).toHaveLength(1);
});

test("a thousand creations of one name leave one schedule with one next time", async () => {
  const results = await Promise.allSettled(Array.from({ length: 1_000 }, () => add()));
  expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  expect(await at.redis.zrange("{pm}:schedules-due", 0, "-1")).toEqual(["s"]);
});

test("how late schedules are is told", async () => {
  await add();
  expect(await at.store.schedules.lateness()).toEqual({ schedules: 0, oldestMs: 0 });
  at.time.now += 65_000;
  expect(await at.store.schedules.lateness()).toEqual({ schedules: 1, oldestMs: 5_000 });
});
