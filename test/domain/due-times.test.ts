import fc from "fast-check";
import { expect, test } from "vitest";
import { onTimeMs, planDue } from "../../src/domain/due-times.js";
import { readInterval } from "../../src/domain/interval.js";
import { type MisfirePolicy, misfirePolicies, type ScheduleRule } from "../../src/domain/schedule.js";
import { createTimes, jitterOf } from "../../src/domain/schedule-times.js";
import { createCalendar } from "../../src/system/calendar.js";
import { everyCronTime } from "./every-minute.js";

const calendar = createCalendar();
const hourMs = 3_600_000;

function rule(given: Partial<ScheduleRule>): ScheduleRule {
  return {
    timing: { kind: "interval", every: "every 30 seconds", periodMs: 30_000, fixedDelay: false, startNow: false },
    ...{ jitterMs: 0, overlap: "SKIP", misfire: "ONE", windowMs: hourMs, pauseAfterFailures: 0 },
    ...given,
  };
}

/** What a policy makes of times that came while nobody was there, said once more and without the code under test. */
function wanted(policy: MisfirePolicy, windowMs: number, times: readonly number[], nowMs: number): number[] {
  const onTime = times.filter((time) => nowMs - time <= onTimeMs);
  const missed = times.filter((time) => nowMs - time > onTimeMs && nowMs - time <= windowMs);
  if (policy === "ALL") return [...missed, ...onTime];
  return policy === "ONE" && onTime.length === 0 ? missed.slice(-1) : onTime;
}

const outages = fc.record({
  expression: fc.constantFrom("*/5 * * * *", "30 2 * * *", "0 * * * *", "*/30 1-3 * * *", "15 */2 * * *"),
  zone: fc.constantFrom("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"),
  night: fc.constantFrom("2026-03-28T18:00Z", "2026-10-24T20:00Z", "2026-03-08T04:00Z", "2026-11-01T03:00Z"),
  downMinutes: fc.integer({ min: 0, max: 12 * 60 }),
  lengthSeconds: fc.integer({ min: 1, max: 2 * 3_600 }),
  misfire: fc.constantFrom(...misfirePolicies),
  windowMs: fc.constantFrom(60_000, hourMs, 24 * hourMs),
});

test("after an outage, over a change of the clocks too, exactly the times that the policy says come", () => {
  fc.assert(
    fc.property(outages, ({ expression, zone, night, downMinutes, lengthSeconds, misfire, windowMs }) => {
      const down = Date.parse(night) + downMinutes * 60_000;
      const now = down + lengthSeconds * 1_000;
      const given = rule({ timing: { kind: "cron", expression, timeZone: zone }, misfire, windowMs });
      const times = createTimes(calendar, given, down);
      const first = times.next(down) ?? Infinity;
      const plan = planDue("s", given, times, first, now);

      const came = everyCronTime(expression, zone, down + 60_000, now + 1);
      expect([...plan.madeUp, ...plan.onTime]).toEqual(wanted(misfire, windowMs, came, now));
      expect((plan.missed?.count ?? 0) + plan.madeUp.length + plan.onTime.length).toBe(came.length);
      expect(plan.nextMs).toBeGreaterThan(now);
    }),
    { numRuns: 200 },
  );
});

test("an interval of fixed rate keeps its beat over an outage of an hour", () => {
  const anchor = Date.UTC(2026, 0, 1);
  const times = (given: ScheduleRule): ReturnType<typeof createTimes> => createTimes(calendar, given, anchor);
  const now = anchor + hourMs + 25_000;
  const all = rule({ misfire: "ALL" });
  const plan = planDue("s", all, times(all), anchor + 30_000, now);
  // 120 times came in the hour, the first of them 24:55 before the window's end.
  expect(plan).toMatchObject({ onTime: [], nextMs: anchor + hourMs + 30_000 });
  expect(plan.madeUp).toEqual(Array.from({ length: 120 }, (_, at) => anchor + (at + 1) * 30_000));
  const one = planDue("s", rule({}), times(rule({})), anchor + 30_000, now);
  expect(one).toMatchObject({ madeUp: [anchor + hourMs], missed: { count: 119, firstMs: anchor + 30_000 } });
  const skip = rule({ misfire: "SKIP" });
  expect(planDue("s", skip, times(skip), anchor + 30_000, now)).toMatchObject({ madeUp: [], missed: { count: 120 } });
});

test("two weeks of a time each second are passed over without looking at each, and the window is honoured", () => {
  const timing = {
    kind: "interval",
    every: "every 1 second",
    periodMs: 1_000,
    fixedDelay: false,
    startNow: false,
  } as const;
  const given = rule({ timing, misfire: "ALL", windowMs: 60_000 });
  const now = 14 * 24 * hourMs;
  const plan = planDue("s", given, createTimes(calendar, given, 0), 1_000, now);
  expect(plan.madeUp.length + plan.onTime.length).toBe(61);
  expect(plan.missed).toMatchObject({ firstMs: 1_000, count: 10_000 });
  expect(plan.nextMs).toBe(now + 1_000);
});

test("a schedule begins at its start, ends before its end, and starts one period later unless at once", () => {
  const series = (given: Partial<ScheduleRule>, after: number): number | undefined =>
    createTimes(calendar, rule(given), 1_000).next(after);
  expect(series({}, 1_000)).toBe(31_000);
  expect(series({ timing: { ...intervalTiming, startNow: true } }, 999)).toBe(1_000);
  expect(series({ startMs: 50_000 }, 1_000)).toBe(80_000);
  expect(series({ startMs: 50_000, timing: { ...intervalTiming, startNow: true } }, 1_000)).toBe(50_000);
  expect(series({ endMs: 31_000 }, 1_000)).toBeUndefined();
  expect(series({ endMs: 31_001 }, 1_000)).toBe(31_000);
  expect(series({ timing: { kind: "once", atMs: 5_000 } }, 1_000)).toBe(5_000);
  expect(series({ timing: { kind: "once", atMs: 5_000 } }, 5_000)).toBeUndefined();
});

const intervalTiming = { kind: "interval", every: "", periodMs: 30_000, fixedDelay: false } as const;

test("jitter is the same for one schedule and time, and spread over all of its range", () => {
  const drawn = Array.from({ length: 2_000 }, (_, at) => jitterOf("s", at * 60_000, 1_000));
  expect(drawn).toEqual(Array.from({ length: 2_000 }, (_, at) => jitterOf("s", at * 60_000, 1_000)));
  for (let tenth = 0; tenth < 10; tenth++) {
    const there = drawn.filter((value) => value >= tenth * 100 && value < (tenth + 1) * 100).length;
    expect(there).toBeGreaterThan(120);
    expect(there).toBeLessThan(280);
  }
  expect(jitterOf("s", 1, 0)).toBe(0);
});

test.each([
  ["every 30 seconds", 30_000],
  ["every 1 minutes", 60_000],
  ["every 1 minute", 60_000],
  ["every 12 hours", 43_200_000],
])("%j is read", (text, periodMs) => expect(readInterval(text)).toEqual({ periodMs }));

test.each([
  "every 0 seconds",
  "every -1 seconds",
  "every 1.5 seconds",
  "30 seconds",
  "every x minutes",
  "every 9 days",
  "",
  "every 99999999999 hours",
])("%j is refused", (text) => expect(readInterval(text)).toHaveProperty("problem"));
