import type { Calendar } from "./calendar.js";
import { nextCronTime } from "./cron-times.js";
import { lastTimeMs } from "./last-time.js";
import type { ScheduleRule, ScheduleTiming } from "./schedule.js";

/** The times of one schedule, as its rule says them, before jitter. Milliseconds since the epoch. */
export interface ScheduleTimes {
  /** The first time after `afterMs`; undefined when none comes any more. */
  next(afterMs: number): number | undefined;
}

/**
 * The times of a rule. `anchorMs` is what intervals are counted from: when the schedule was created or last got another
 * timing. Throws {@link CronProblem}, and RangeError for a zone that does not exist.
 */
export function createTimes(calendar: Calendar, rule: ScheduleRule, anchorMs: number): ScheduleTimes {
  const next = series(calendar, rule.timing, Math.max(anchorMs, rule.startMs ?? anchorMs));
  const beforeMs = Math.min(rule.endMs ?? Infinity, lastTimeMs - rule.jitterMs);
  return {
    next(afterMs) {
      const from = rule.startMs === undefined ? afterMs : Math.max(afterMs, rule.startMs - 1);
      const time = next(from);
      return time === undefined || time >= beforeMs ? undefined : time;
    },
  };
}

function series(calendar: Calendar, timing: ScheduleTiming, anchorMs: number): (afterMs: number) => number | undefined {
  switch (timing.kind) {
    case "cron": {
      const pattern = calendar.cron(timing.expression);
      const zone = calendar.zone(timing.timeZone);
      if (!zone) throw new RangeError(`no time zone ${timing.timeZone}`);
      return (afterMs) => nextCronTime(pattern, zone, afterMs);
    }
    case "interval": {
      const { periodMs, startNow } = timing;
      const first = startNow ? anchorMs : anchorMs + periodMs;
      return (afterMs) => first + Math.max(0, Math.floor((afterMs - first) / periodMs) + 1) * periodMs;
    }
    case "once":
      return (afterMs) => (timing.atMs > afterMs ? timing.atMs : undefined);
  }
}

/** By how much a time is put off: uniform below `jitterMs`, and always the same for one schedule and time. */
export function jitterOf(schedule: string, timeMs: number, jitterMs: number): number {
  let hash = 0x811c9dc5;
  for (const character of `${schedule} ${timeMs}`) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  // FNV-1a leaves the last characters in the low bits: they are spread over all of them.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return Math.floor((((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32) * jitterMs);
}
