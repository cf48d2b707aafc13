import fc from "fast-check";
import { expect, test } from "vitest";
import { hasGapBelow, nextCronTime } from "../../src/domain/cron-times.js";
import { createCalendar } from "../../src/system/calendar.js";
import { everyCronTime } from "./every-minute.js";

const calendar = createCalendar();
const hourMs = 3_600_000;

function times(expression: string, zoneName: string, fromMs: number, toMs: number): number[] {
  const pattern = calendar.cron(expression);
  const zone = calendar.zone(zoneName);
  if (!zone) throw new Error(`no zone ${zoneName}`);
  const found: number[] = [];
  for (let at = nextCronTime(pattern, zone, fromMs - 1); at !== undefined && at < toMs;) {
    found.push(at);
    at = nextCronTime(pattern, zone, at);
  }
  return found;
}

/** A day before a change of the clocks, both ways, in zones that change at different hours and by different amounts. */
const changes = [
  ["Europe/Berlin", "2026-03-28T01:00Z"],
  ["Europe/Berlin", "2026-10-24T01:00Z"],
  ["America/New_York", "2026-03-07T07:00Z"],
  ["America/New_York", "2026-10-31T06:00Z"],
  ["Australia/Lord_Howe", "2026-10-02T15:30Z"],
  ["Australia/Lord_Howe", "2026-04-03T15:00Z"],
  ["Africa/Cairo", "2026-04-23T00:00Z"],
  ["Africa/Cairo", "2026-10-28T21:00Z"],
  ["America/Santiago", "2026-09-05T04:00Z"],
  ["America/Santiago", "2026-04-04T03:00Z"],
  ["Asia/Kolkata", "2026-03-28T01:00Z"],
  // The day that a country left out.
  ["Pacific/Apia", "2011-12-29T10:00Z"],
] as const;

const minutes = fc.constantFrom("0", "30", "15", "59", "*/15", "*/3", "0,20,40", "5-50/7", "30-59/10");
const hours = fc.constantFrom("*", "*/2", "*/5", "0", "1", "2", "3", "0-4", "2,3", "23", "1-23/6");
const days = fc.constantFrom("*", "*", "28-31", "*/2", "1,8");
const weekdays = fc.constantFrom("*", "*", "0", "6,7", "1-5");
const expressions = fc.tuple(minutes, hours, days, weekdays).map(([m, h, d, w]) => `${m} ${h} ${d} * ${w}`);

test("cron comes at exactly the times of its rule over both changes of the clocks, in every zone", () => {
  fc.assert(
    fc.property(
      expressions,
      fc.constantFrom(...changes),
      fc.integer({ min: 0, max: 47 }),
      (expression, change, start) => {
        const from = Date.parse(change[1]) + start * (hourMs / 2);
        expect(times(expression, change[0], from, from + 30 * hourMs)).toEqual(
          everyCronTime(expression, change[0], from, from + 30 * hourMs),
        );
      },
    ),
    { numRuns: 200 },
  );
});

const at = (zone: string, expression: string, from: string, to: string): string[] =>
  times(expression, zone, Date.parse(from), Date.parse(to)).map((time) => new Date(time).toISOString().slice(5, 16));

test("a time that the clocks skip comes at the end of the gap, one they show twice comes the first time", () => {
  expect(at("Europe/Berlin", "30 2 * * *", "2026-03-28T00:00Z", "2026-03-31T00:00Z")).toEqual([
    ...["03-28T01:30", "03-29T01:00", "03-30T00:30"],
  ]);
  expect(at("Europe/Berlin", "30 2 * * *", "2026-10-24T00:00Z", "2026-10-27T00:00Z")).toEqual([
    ...["10-24T00:30", "10-25T00:30", "10-26T01:30"],
  ]);
});

test("an expression that leaves the hours open goes on by elapsed time", () => {
  const night = at("Europe/Berlin", "*/30 * * * *", "2026-10-25T00:00Z", "2026-10-25T02:00Z");
  expect(night).toEqual(["10-25T00:00", "10-25T00:30", "10-25T01:00", "10-25T01:30"]);
  const spring = at("America/New_York", "45 * * * *", "2026-03-08T06:00Z", "2026-03-08T09:00Z");
  expect(spring).toEqual(["03-08T06:45", "03-08T07:45", "03-08T08:45"]);
});

test("six fields count seconds; the 29th of February comes every four years; what never comes is undefined", () => {
  expect(times("*/20 0 0 * * *", "UTC", 0, 86_400_000)).toEqual([0, 20_000, 40_000]);
  expect(at("UTC", "0 0 29 2 *", "2026-01-01T00:00Z", "2033-01-01T00:00Z")).toHaveLength(2);
  expect(times("0 0 30 2 *", "UTC", 0, Infinity)).toEqual([]);
});

test.each([
  ["61 * * * *", "minute"],
  ["* 24 * * *", "hour"],
  ["* * 0 * *", "day of month"],
  ["* * * 13 *", "month"],
  ["* * * * 8", "day of week"],
  ["70 * * * * *", "second"],
  ["*/0 * * * *", "minute"],
  ["1,,2 * * * *", "minute"],
  ["? * * * *", "minute"],
  ["9-3 * * * *", "minute"],
  ["* * * *", undefined],
  ["* * * * * * *", undefined],
  ["@daily", undefined],
  ["", undefined],
])("%j is refused, naming its %s", (expression, part) => {
  expect(() => calendar.cron(expression)).toThrow(expect.objectContaining({ name: "CronProblem", part }) as unknown);
});

test("a zone is one of IANA's, by name", () => {
  for (const name of ["Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires"])
    expect(calendar.zone(name)).toBeDefined();
  for (const name of ["Mars/Olympus", "+02:00", "", "Europe/Berlin\n"]) expect(calendar.zone(name)).toBeUndefined();
});

test("what comes once in four years has no short gap, and what never comes has none", () => {
  for (const expression of ["0 0 29 2 *", "0 0 30 2 *"])
    expect(hasGapBelow(calendar.cron(expression), 24 * hourMs, Date.UTC(2026, 4, 3))).toBe(false);
});

test.each([
  ["* * * * * *", 1_000],
  ["*/5 * * * *", 300_000],
  ["0 3 * * *", 24 * hourMs],
  ["0,50 * * * *", 600_000],
  ["0 0,23 * * *", hourMs],
  ["0 0 1,31 1,12 *", 24 * hourMs],
])("the shortest time between two times of %s is %d ms", (expression, shortest) => {
  const pattern = calendar.cron(expression);
  const from = Date.UTC(2026, 4, 3, 7, 11);
  expect([shortest, shortest + 1].map((ms) => hasGapBelow(pattern, ms, from))).toEqual([false, true]);
});
