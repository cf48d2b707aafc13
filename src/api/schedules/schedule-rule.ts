import { durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { IntervalMode, MisfirePolicy, type Schedule } from "@pointsman/sdk/v1";
import { type Calendar, CronProblem } from "../../domain/calendar.js";
import { hasGapBelow } from "../../domain/cron-times.js";
import { mostTimes, onTimeMs } from "../../domain/due-times.js";
import { readInterval } from "../../domain/interval.js";
import { lastTimeMs } from "../../domain/last-time.js";
import type { ScheduleRule, ScheduleTiming } from "../../domain/schedule.js";
import { createTimes } from "../../domain/schedule-times.js";
import { type FieldProblem, invalidFields } from "../../errors.js";
import { misfireName, overlapName } from "./schedule-enums.js";

const defaultWindowMs = 3_600_000;

/**
 * When a schedule fires, out of what was asked. `nowMs` judges what has passed. INVALID_REQUEST names every field that
 * is wrong at once.
 */
export function readRule(calendar: Calendar, schedule: Schedule, nowMs: number): ScheduleRule {
  const bad: FieldProblem[] = [];
  const report = (field: string, description: string): void => {
    bad.push({ field: `schedule.${field}`, description });
  };
  const timing = readTiming(calendar, schedule, report);
  const jitterMs = schedule.jitter ? durationMs(schedule.jitter) : 0;
  if (timing?.kind === "interval" && jitterMs > timing.periodMs)
    report("jitter", "must be no longer than the interval");
  // Times are fired in their order: one that is put off beyond the next would have that one come too late.
  if (timing?.kind === "cron" && bad.length === 0 && hasGapBelow(calendar.cron(timing.expression), jitterMs, nowMs))
    report("jitter", "must be no longer than the shortest time between two of the expression's times");
  const startMs = schedule.startTime && timestampMs(schedule.startTime);
  const endMs = schedule.endTime && timestampMs(schedule.endTime);
  if (endMs !== undefined && endMs <= Math.max(startMs ?? endMs - 1, nowMs)) {
    const ends = startMs !== undefined && endMs <= startMs;
    report("end_time", ends ? "must be later than start_time" : "must be in the future");
  }
  if (!timing || bad.length > 0) throw invalidFields(bad);

  const windowMs = schedule.misfireWindow && durationMs(schedule.misfireWindow);
  const rule: ScheduleRule = {
    ...{ timing, jitterMs, windowMs: windowMs ?? defaultWindowMs },
    ...(startMs !== undefined && { startMs }),
    ...(endMs !== undefined && { endMs }),
    overlap: overlapName(schedule.overlapPolicy),
    misfire: misfireName(schedule.misfirePolicy),
    pauseAfterFailures: schedule.pauseAfterFailures,
  };
  checkOnce(rule, schedule, nowMs, report);
  if (timing.kind !== "once" && createTimes(calendar, rule, nowMs).next(nowMs - 1) === undefined) {
    report(
      timing.kind === "cron" ? "cron" : "every",
      "has no time: none comes between start_time and end_time, or ever",
    );
  }
  const widest = bad.length === 0 ? widestWindow(calendar, rule, nowMs) : rule.windowMs;
  if (windowMs !== undefined && windowMs > widest) {
    report("misfire_window", `holds more than ${mostTimes} times; at most ${widest / 1_000} s`);
  }
  if (bad.length > 0) throw invalidFields(bad);
  return { ...rule, windowMs: Math.min(rule.windowMs, widest) };
}

type Report = (field: string, description: string) => void;

function readTiming(calendar: Calendar, schedule: Schedule, report: Report): ScheduleTiming | undefined {
  const { when, timeZone, intervalMode, startNow } = schedule;
  if (when.case !== "cron" && timeZone !== "") report("time_zone", "is for cron alone");
  if (when.case !== "every" && intervalMode !== IntervalMode.UNSPECIFIED) report("interval_mode", "is for every alone");
  if (when.case !== "every" && startNow) report("start_now", "is for every alone");
  switch (when.case) {
    case "cron": {
      const zone = timeZone || "UTC";
      if (!calendar.zone(zone)) report("time_zone", `no time zone ${zone}; use an IANA name such as "Europe/Berlin"`);
      try {
        calendar.cron(when.value);
      } catch (error) {
        if (!(error instanceof CronProblem)) throw error;
        report("cron", error.message);
      }
      return { kind: "cron", expression: when.value, timeZone: zone };
    }
    case "every": {
      const read = readInterval(when.value);
      if ("problem" in read) {
        report("every", read.problem);
        return undefined;
      }
      const fixedDelay = intervalMode === IntervalMode.FIXED_DELAY;
      return { kind: "interval", every: when.value, periodMs: read.periodMs, fixedDelay, startNow };
    }
    case "at":
      return { kind: "once", atMs: timestampMs(when.value) };
    default:
      report("when", "say when: one of cron, every and at");
      return undefined;
  }
}

/** A time that has passed is taken only by somebody who says what is to become of it. */
function checkOnce(rule: ScheduleRule, schedule: Schedule, nowMs: number, report: Report): void {
  if (rule.timing.kind !== "once") return;
  const { atMs } = rule.timing;
  if (atMs < (rule.startMs ?? atMs) || atMs >= (rule.endMs ?? Infinity)) {
    report("at", "is not between start_time and end_time");
  } else if (atMs <= nowMs && schedule.misfirePolicy === MisfirePolicy.UNSPECIFIED) {
    report("at", "is in the past; set misfire_policy to say whether it is made up for");
  } else if (nowMs - atMs > rule.windowMs && rule.misfire !== "SKIP") {
    report("at", "is longer ago than misfire_window, so it is not made up for");
  } else if (atMs + rule.jitterMs > lastTimeMs) {
    report("at", "must come before the end of the year 9999, jitter included");
  }
}

/** As much of the window as holds no more times than can be looked at, in whole seconds. */
function widestWindow(calendar: Calendar, rule: ScheduleRule, nowMs: number): number {
  if (rule.timing.kind === "once") return rule.windowMs;
  if (rule.timing.kind === "interval") {
    return Math.max(onTimeMs, Math.min(rule.windowMs, mostTimes * rule.timing.periodMs));
  }
  // A cron expression comes once a second at most, so short windows need no look.
  if (rule.windowMs <= mostTimes * 1_000) return rule.windowMs;
  const times = createTimes(calendar, rule, nowMs);
  let last = times.next(nowMs);
  for (let count = 1; last !== undefined && last - nowMs < rule.windowMs; count++) {
    if (count === mostTimes) return Math.floor((last - nowMs) / 1_000) * 1_000;
    last = times.next(last);
  }
  return rule.windowMs;
}
