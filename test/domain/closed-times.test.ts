import { describe, expect, test } from "vitest";
import { closedTimes } from "../../src/domain/closed-times.js";
import { createCalendar } from "../../src/system/calendar.js";

const now = Date.UTC(2030, 0, 1);
const [minute, hour, day] = [60_000, 3_600_000, 86_400_000];
const closed = (cron: string, durationMs: number) =>
  closedTimes(createCalendar(), [{ cron, durationMs, timeZone: "UTC" }], now);

describe("times that are open so often that they run into each other", () => {
  test("are open without a break, for a week at least", () => {
    const spans = closed("*/5 8-17 * * *", 5 * minute);
    const nights = Array.from({ length: 7 }, (_, i) => now + i * day);
    expect(spans.slice(1, 8)).toEqual(
      nights.map((fromMs) => ({ fromMs: fromMs + 18 * hour, toMs: fromMs + 32 * hour })),
    );
  });

  test.each([
    ["* * * * *", 24 * hour],
    ["* * * * * *", hour],
  ])("%s for %i ms leaves no time to close", (cron, durationMs) => {
    const [past, then] = closed(cron, durationMs);
    expect(past?.toMs).toBeLessThan(now);
    expect(then?.toMs).toBeUndefined();
    expect(then?.fromMs).toBeGreaterThan(now + 32 * day);
  });
});

test("openings with a break between them are worked out up to a number", () => {
  const spans = closed("* * * * *", minute / 2);
  expect(spans).toHaveLength(201);
  expect(spans.at(-1)?.fromMs).toBeLessThan(now + 200 * minute);
});
