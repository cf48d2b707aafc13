import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import {
  CreateScheduleRequestSchema,
  FiringCause,
  IntervalMode,
  MisfirePolicy,
  RunSpecSchema,
  type Schedule,
  ScheduleSchema,
  ScheduleService,
  ScheduleState,
} from "@pointsman/sdk/v1";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestApi, type TestApi } from "../support/api-server.js";
import { eventually } from "../support/eventually.js";
import { problemOf } from "./problems.js";

let api: TestApi;
let schedules: ReturnType<typeof createClient<typeof ScheduleService>>;

beforeAll(async () => {
  api = await startTestApi();
  schedules = createClient(ScheduleService, createConnectTransport({ baseUrl: api.baseUrl, httpVersion: "2" }));
  const { devices, credentials } = api.clients();
  await credentials.createCredential({ name: "lab", login: { username: "ann", password: "pw" } });
  for (const [index, name] of ["r1", "r2"].entries()) {
    const device = { name, address: `10.0.0.${index + 1}`, platform: "cisco_ios", credential: "lab" };
    await devices.createDevice({ device });
  }
});
afterAll(() => api.close());

type Init = Partial<Omit<Schedule, "$typeName" | "$unknown">>;

const run = create(RunSpecSchema, {
  devices: ["r1", "r2"],
  job: { operation: { case: "commands", value: { commands: [{ command: "show clock" }] } } },
});
const every = (value: string) => ({ case: "every", value }) as const;
const cron = (value: string) => ({ case: "cron", value }) as const;
const at = (date: Date) => ({ case: "at", value: timestampFromDate(date) }) as const;

const add = async (init: Init, requestId = ""): Promise<Schedule> =>
  (await schedules.createSchedule({ schedule: create(ScheduleSchema, { run, ...init }), requestId })).schedule!;

const lastSecond = new Date("9999-12-31T23:59:59Z");
const hourAgo = (): Date => new Date(Date.now() - 3_600_000 - 60_000);
const soon = (ms = 3_600_000): Date => new Date(Date.now() + ms);

test.each<[string, () => Init, string]>([
  ["an interval of nothing", () => ({ when: every("every 0 seconds") }), "schedule.every"],
  ["an interval that is none", () => ({ when: every("30 seconds") }), "schedule.every"],
  ["a bad minute", () => ({ when: cron("61 * * * *") }), "schedule.cron"],
  ["a cron of four fields", () => ({ when: cron("* * * *") }), "schedule.cron"],
  ["a time that never comes", () => ({ when: cron("0 0 30 2 *") }), "schedule.cron"],
  ["no time at all", () => ({}), "schedule.when"],
  ["a time in the past", () => ({ when: at(hourAgo()) }), "schedule.at"],
  [
    "a time in the last year, put off into the next",
    () => ({ when: at(lastSecond), jitter: durationFromMs(86_400_000) }),
    "schedule.at",
  ],
  [
    "an interval behind the last year",
    () => ({ when: every("every 48 hours"), startTime: timestampFromDate(new Date("9999-12-31T00:00:00Z")) }),
    "schedule.every",
  ],
  [
    "an end that is in the year 10000 by milliseconds",
    () => ({ when: every("every 1 hours"), endTime: { ...timestampFromDate(lastSecond), nanos: 999_999_999 } }),
    "schedule.end_time",
  ],
  ["a time behind the window", () => ({ when: at(hourAgo()), misfirePolicy: MisfirePolicy.ONE }), "schedule.at"],
  ["an unknown zone", () => ({ when: cron("* * * * *"), timeZone: "Mars/Olympus" }), "schedule.time_zone"],
  ["a zone for an interval", () => ({ when: every("every 1 hours"), timeZone: "UTC" }), "schedule.time_zone"],
  ["start_now for cron", () => ({ when: cron("* * * * *"), startNow: true }), "schedule.start_now"],
  [
    "a mode for cron",
    () => ({ when: cron("* * * * *"), intervalMode: IntervalMode.FIXED_DELAY }),
    "schedule.interval_mode",
  ],
  [
    "an end before its start",
    () => ({
      when: every("every 1 seconds"),
      startTime: timestampFromDate(soon(7_200_000)),
      endTime: timestampFromDate(soon(3_600_000)),
    }),
    "schedule.end_time",
  ],
  [
    "an end before its first time",
    () => ({ when: every("every 5 hours"), endTime: timestampFromDate(soon()) }),
    "schedule.every",
  ],
  [
    "more jitter than period",
    () => ({ when: every("every 5 seconds"), jitter: durationFromMs(6_000) }),
    "schedule.jitter",
  ],
  [
    "more jitter than lies between two times of an expression",
    () => ({ when: cron("0,50 3 * * *"), jitter: durationFromMs(3_001_000) }),
    "schedule.jitter",
  ],
  [
    "a window of too many times",
    () => ({ when: every("every 1 seconds"), misfireWindow: durationFromMs(86_400_000) }),
    "schedule.misfire_window",
  ],
  ["no run", () => ({ when: every("every 5 seconds"), run: undefined }), "schedule.run"],
  [
    "a run without targets",
    () => ({ when: every("every 5 seconds"), run: create(RunSpecSchema, { job: run.job! }) }),
    "schedule.run.devices",
  ],
  [
    "a login of its own",
    () => {
      const login = { case: "secret", value: { username: "ann", password: "pw" } } as const;
      const target = { case: "endpoint", value: { address: "10.0.0.9", platform: "cisco_ios", login } } as const;
      return { when: every("every 5 seconds"), run: create(RunSpecSchema, { job: run.job!, targets: [{ target }] }) };
    },
    "schedule.run.targets[0].endpoint",
  ],
  ["an output field", () => ({ when: every("every 5 seconds"), version: 3 }), "schedule.version"],
])("%s is refused, and nothing is stored", async (_, init, field) => {
  const refused = await problemOf(add({ name: "bad", ...init() }));
  expect(refused).toMatchObject({ reason: "INVALID_REQUEST", fields: [field] });
  const missing = await problemOf(schedules.getSchedule({ name: "bad" }));
  expect(missing).toMatchObject({ reason: "SCHEDULE_NOT_FOUND" });
});

test("both kinds at once are refused", async () => {
  const body = { schedule: { name: "both", cron: "* * * * *", every: "every 1 minutes", run: { devices: ["r1"] } } };
  const response = await fetch(`${api.baseUrl}/pointsman.v1.ScheduleService/CreateSchedule`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ code: "invalid_argument" });
});

test("a schedule is answered with its defaults, and a repeated call with the same one", async () => {
  const asked = { schedule: create(ScheduleSchema, { when: every("every 30 seconds"), run, labels: { team: "a" } }) };
  const first = await schedules.createSchedule(create(CreateScheduleRequestSchema, { ...asked, requestId: "once" }));
  const second = await schedules.createSchedule({ ...asked, requestId: "once" });
  expect(second).toMatchObject({ replayed: true, schedule: { name: first.schedule!.name } });
  expect(first.schedule).toMatchObject({ state: ScheduleState.ACTIVE, version: 1, creator: "local" });
  expect(first.schedule!.name).toMatch(/^[0-9a-z]{26}$/);
  const ahead =
    timestampDate(first.schedule!.nextTime!).getTime() - timestampDate(first.schedule!.createTime!).getTime();
  // The one is taken before the other, by as much as the machine makes it.
  expect(ahead).toBeGreaterThan(10_000);
  expect(ahead).toBeLessThan(31_000);

  const other = schedules.createSchedule({ schedule: { when: every("every 31 seconds"), run }, requestId: "once" });
  expect(await problemOf(other)).toMatchObject({ reason: "REQUEST_ID_REUSED" });
});

test("an update changes what its mask names, and only the version that was seen", async () => {
  const before = await add({
    name: "changing",
    when: cron("0 3 * * *"),
    timeZone: "Europe/Berlin",
    description: "old",
  });
  const { schedule } = await schedules.updateSchedule({
    schedule: { name: "changing", description: "new" },
    updateMask: { paths: ["description"] },
    version: before.version,
  });
  expect(schedule).toMatchObject({ description: "new", timeZone: "Europe/Berlin", version: 2 });
  expect(schedule!.nextTime).toEqual(before.nextTime);

  const stale = schedules.updateSchedule({
    schedule: { name: "changing" },
    updateMask: { paths: ["labels"] },
    version: 1,
  });
  expect(await problemOf(stale)).toMatchObject({ reason: "SCHEDULE_CHANGED", metadata: { version: "2" } });
  const bad = schedules.updateSchedule({
    schedule: { name: "changing", when: every("every 0 hours") },
    updateMask: { paths: ["every"] },
  });
  expect(await problemOf(bad)).toMatchObject({ fields: ["schedule.every"] });
  const inherited = schedules.updateSchedule({
    schedule: { name: "changing" },
    updateMask: { paths: ["constructor"] },
  });
  expect(await problemOf(inherited)).toMatchObject({ fields: ["update_mask.paths[0]"] });

  const switched = await schedules.updateSchedule({
    schedule: { name: "changing", when: every("every 2 hours") },
    updateMask: { paths: ["every"] },
  });
  expect(switched.schedule).toMatchObject({ when: every("every 2 hours"), timeZone: "" });
});

test("many updates at once leave one chain of times", async () => {
  await add({ name: "contended", when: every("every 1 hours") });
  const paths = ["every"];
  const results = await Promise.allSettled(
    Array.from({ length: 60 }, (_, at) =>
      schedules.updateSchedule({
        schedule: { name: "contended", when: every(`every ${1 + (at % 50)} hours`) },
        updateMask: { paths },
      }),
    ),
  );
  expect(results.some(({ status }) => status === "fulfilled")).toBe(true);
  const due = await api.at.redis.zscore("{pm}:schedules-due", "contended");
  const { schedule } = await schedules.getSchedule({ name: "contended" });
  expect(Number(due)).toBe(timestampDate(schedule!.nextTime!).getTime());
});

test("pause keeps who and why, resume goes on from now", async () => {
  await add({ name: "resting", when: every("every 1 hours") });
  const { schedule: paused } = await schedules.pauseSchedule({ name: "resting", note: "window" });
  expect(paused).toMatchObject({ state: ScheduleState.PAUSED, pause: { caller: "local", note: "window" } });
  expect(paused!.nextTime).toBeUndefined();
  const { schedule: resumed } = await schedules.resumeSchedule({ name: "resting" });
  expect(resumed!.state).toBe(ScheduleState.ACTIVE);
  expect(timestampDate(resumed!.nextTime!).getTime()).toBeGreaterThan(Date.now());
});

test("the next times are told, also of what is not stored and over a change of the clocks", async () => {
  const { times } = await schedules.previewSchedule({
    source: {
      case: "schedule",
      value: create(ScheduleSchema, { when: cron("30 2 * * *"), timeZone: "Europe/Berlin" }),
    },
    count: 3,
    from: timestampFromDate(new Date("2030-03-30T00:00:00Z")),
  });
  expect(times.map(({ time }) => timestampDate(time!).toISOString())).toEqual([
    "2030-03-30T01:30:00.000Z",
    "2030-03-31T01:00:00.000Z",
    "2030-04-01T00:30:00.000Z",
  ]);
});

test("a create that is repeated when its time has passed is answered with the schedule that it made", async () => {
  const time = soon(2_000);
  const asked = {
    schedule: create(ScheduleSchema, { run, name: "once-only", when: at(time) }),
    requestId: "once-only",
  };
  expect((await schedules.createSchedule(asked)).replayed).toBe(false);
  await eventually(() => expect(Date.now()).toBeGreaterThan(time.getTime()));
  expect(await schedules.createSchedule(asked)).toMatchObject({ replayed: true, schedule: { name: "once-only" } });
  const other = { ...asked, schedule: create(ScheduleSchema, { run, name: "another", when: at(time) }) };
  expect((await problemOf(schedules.createSchedule(other))).reason).toBe("REQUEST_ID_REUSED");
});

test("lists page by name under a filter, however schedules come and go", async () => {
  for (const name of ["l1", "l2", "l3", "l4"]) {
    await add({ name, when: every("every 1 hours"), labels: { list: "yes" } });
  }
  const filter = { labels: { list: "yes" } };
  const first = await schedules.listSchedules({ filter, pageSize: 2 });
  await schedules.deleteSchedule({ name: "l2" });
  await add({ name: "l0", when: every("every 1 hours"), labels: { list: "yes" } });
  const second = await schedules.listSchedules({ filter, pageSize: 2, pageToken: first.nextPageToken });
  expect([...first.schedules, ...second.schedules].map(({ name }) => name)).toEqual(["l1", "l2", "l3", "l4"]);
});

test("a trigger starts one run however often it is repeated; it stands in the history", async () => {
  await add({ name: "by-hand", when: every("every 1 hours") });
  const asked = { name: "by-hand", requestId: "press" };
  const first = await schedules.triggerSchedule(asked);
  expect(await schedules.triggerSchedule(asked)).toMatchObject({ run: first.run, replayed: true });
  const { entries } = await schedules.listScheduleHistory({ name: "by-hand" });
  expect(entries).toMatchObject([{ run: first.run, cause: FiringCause.TRIGGER, caller: "local" }]);
  const record = await api.store.runs.get(first.run);
  expect(record).toMatchObject({ schedule: "by-hand", total: 2 });

  const early = await problemOf(schedules.getLatestOutput({ name: "by-hand" }));
  expect(early).toMatchObject({ reason: "NO_OUTPUT_YET", metadata: { run: first.run } });
  const partial = await schedules.getLatestOutput({ name: "by-hand", partial: true });
  expect(partial).toMatchObject({ complete: false, outputs: [], missing: [{ target: "r1" }, { target: "r2" }] });
});

test("times in the past get a run each, once", async () => {
  await add({ name: "late", when: cron("*/10 * * * *") });
  // Between two of its times, whatever the clock says.
  const to = new Date(Math.floor(Date.now() / 600_000) * 600_000 - 300_000);
  const range = {
    name: "late",
    from: timestampFromDate(new Date(to.getTime() - 3_600_000)),
    to: timestampFromDate(to),
  };
  const first = await schedules.backfillSchedule(range);
  expect(first).toMatchObject({ started: 6 });
  const second = await schedules.backfillSchedule(range);
  expect(second).toMatchObject({ started: 0 });
  expect(second.times.map(({ run: id }) => id)).toEqual(first.times.map(({ run: id }) => id));
  const many = schedules.backfillSchedule({
    ...range,
    from: timestampFromDate(new Date(to.getTime() - 30 * 86_400_000)),
  });
  expect(await problemOf(many)).toMatchObject({ fields: ["to"] });
});

test("a run that cannot be started is told as such", async () => {
  const nobody = create(RunSpecSchema, { job: run.job!, devices: ["ghost"] });
  await add({ name: "haunted", when: every("every 1 hours"), run: nobody });
  const refused = await problemOf(schedules.triggerSchedule({ name: "haunted", requestId: "a" }));
  expect(refused).toMatchObject({ reason: "RUN_REFUSED", metadata: { reason: "NO_TARGETS" } });
  expect(await problemOf(schedules.triggerSchedule({ name: "haunted", requestId: "a" }))).toEqual(refused);
  const { entries } = await schedules.listScheduleHistory({ name: "haunted" });
  expect(entries).toMatchObject([{ reason: "NO_TARGETS" }]);
  const { schedule } = await schedules.getSchedule({ name: "haunted" });
  expect(schedule).toMatchObject({ failuresInARow: 1, liveRuns: 0, counts: { fired: 0n, refused: 1n } });
});
