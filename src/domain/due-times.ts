import type { ScheduleRule } from "./schedule.js";
import { jitterOf, type ScheduleTimes } from "./schedule-times.js";

/** A time that comes no later than this is on time: servers stall, and Redis moves, without anything being missed. */
export const onTimeMs = 10_000;
/** A window holds at most this many times, and older ones are counted up to this many. */
export const mostTimes = 10_000;

/** Times that nobody fired and that are not made up for. */
export interface MissedTimes {
  readonly firstMs: number;
  readonly lastMs: number;
  readonly count: number;
}

/** What becomes of the times of a schedule that are due. */
export interface DuePlan {
  readonly missed?: MissedTimes;
  /** Missed times that are made up for, oldest first. */
  readonly madeUp: readonly number[];
  /** Times that come when they should, oldest first. */
  readonly onTime: readonly number[];
  /** The first that is not due yet; undefined: none comes any more. */
  readonly nextMs?: number;
}

/**
 * Decides about every time from `nextMs` on that is due at `nowMs`. SKIP makes up for no missed time; ONE for the latest
 * within the window, unless another comes on time; ALL for every one within the window.
 */
export function planDue(
  schedule: string,
  rule: ScheduleRule,
  times: ScheduleTimes,
  nextMs: number,
  nowMs: number,
): DuePlan {
  const dueMs = (time: number): number => time + jitterOf(schedule, time, rule.jitterMs);
  const late: number[] = [];
  const onTime: number[] = [];
  let time: number | undefined = nextMs;
  let skipped: MissedTimes | undefined;

  // What lies before the window is passed over without looking at each time of what may be years.
  const oldest = nowMs - Math.max(rule.windowMs, onTimeMs) - rule.jitterMs - 1;
  if (time < oldest) {
    skipped = countUntil(times, time, oldest);
    time = times.next(oldest);
  }
  for (; time !== undefined && dueMs(time) <= nowMs; time = times.next(time)) {
    if (nowMs - dueMs(time) <= onTimeMs) onTime.push(time);
    else late.push(time);
  }

  const within = late.filter((one) => nowMs - dueMs(one) <= rule.windowMs);
  const madeUp = chosen(rule, within, onTime.length > 0);
  const dropped = late.filter((one) => one < (madeUp[0] ?? Infinity));
  const missed = joined(skipped, dropped);
  return {
    ...(missed && { missed }),
    madeUp,
    onTime,
    ...(time !== undefined && { nextMs: time }),
  };
}

function chosen(rule: ScheduleRule, within: readonly number[], someOnTime: boolean): readonly number[] {
  if (rule.misfire === "ALL") return within;
  return rule.misfire === "ONE" && !someOnTime ? within.slice(-1) : [];
}

/** The times from `firstMs` up to `untilMs`: all of an interval's, of others as many as are counted. */
function countUntil(times: ScheduleTimes, firstMs: number, untilMs: number): MissedTimes {
  let count = 0;
  let lastMs = firstMs;
  for (let time: number | undefined = firstMs; time !== undefined && time <= untilMs; time = times.next(time)) {
    lastMs = time;
    if (++count === mostTimes) break;
  }
  return { firstMs, lastMs, count };
}

function joined(skipped: MissedTimes | undefined, dropped: readonly number[]): MissedTimes | undefined {
  const firstMs = skipped?.firstMs ?? dropped[0];
  if (firstMs === undefined) return undefined;
  return {
    firstMs,
    lastMs: dropped.at(-1) ?? skipped?.lastMs ?? firstMs,
    count: Math.min((skipped?.count ?? 0) + dropped.length, mostTimes),
  };
}
