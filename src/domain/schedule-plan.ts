import type { Calendar } from "./calendar.js";
import { type MissedTimes, planDue } from "./due-times.js";
import type { OverlapPolicy, ScheduleRule } from "./schedule.js";
import { createTimes, jitterOf } from "./schedule-times.js";

/** What of a schedule says when it fires. */
export interface ScheduleClock {
  /** Tells it from others that had or get its name. */
  readonly uid: string;
  readonly rule: ScheduleRule;
  /** What its intervals are counted from. Milliseconds. */
  readonly anchorMs: number;
}

/** When a schedule comes next: the time itself, and when it is fired, jitter included. */
export interface NextTime {
  readonly timeMs: number;
  readonly dueMs: number;
}

/** What is done with a time while a run is under way; IN_TURN: it waits, whatever waits besides. */
export type FiringOverlap = OverlapPolicy | "IN_TURN";

/** What is done about the due times of a schedule. */
export interface DueDecision {
  readonly missed?: MissedTimes;
  /** Times that are fired, and what is done with each while a run is under way. */
  readonly fire: readonly { readonly timeMs: number; readonly overlap: FiringOverlap }[];
  readonly next?: NextTime;
}

/** A time of a schedule, and when it is fired. */
export function withJitter({ uid, rule }: ScheduleClock, timeMs: number): NextTime {
  return { timeMs, dueMs: timeMs + jitterOf(uid, timeMs, rule.jitterMs) };
}

/** The first time after `afterMs`; undefined: none comes any more. */
export function nextTime(calendar: Calendar, clock: ScheduleClock, afterMs: number): NextTime | undefined {
  const timeMs = createTimes(calendar, clock.rule, clock.anchorMs).next(afterMs);
  return timeMs === undefined ? undefined : withJitter(clock, timeMs);
}

/** The time that a fixed delay goes on with after a run that ended; undefined for every other timing, and at the end. */
export function nextAfterEnd(clock: ScheduleClock, endMs: number): NextTime | undefined {
  const { timing, endMs: lastMs } = clock.rule;
  if (timing.kind !== "interval" || !timing.fixedDelay) return undefined;
  const timeMs = endMs + timing.periodMs;
  return lastMs !== undefined && timeMs >= lastMs ? undefined : withJitter(clock, timeMs);
}

/** Decides about the times from `nextMs` on that are due at `nowMs`, about `most` of them at a time. */
export function decideDue(
  calendar: Calendar,
  clock: ScheduleClock,
  nextMs: number,
  nowMs: number,
  most: number,
): DueDecision {
  const { rule } = clock;
  const fixedDelay = rule.timing.kind === "interval" && rule.timing.fixedDelay;
  // A fixed delay has one time; the one behind it is known when its run has ended.
  const times = fixedDelay ? { next: () => undefined } : createTimes(calendar, rule, clock.anchorMs);
  const plan = planDue(clock.uid, rule, times, nextMs, nowMs);
  // Passing over what ALL makes up for would take it back; starting it all at once is what a policy on overlaps forbids.
  const inTurn: FiringOverlap = rule.misfire === "ALL" && rule.overlap !== "ALLOW" ? "IN_TURN" : rule.overlap;
  const madeUp = plan.madeUp.map((timeMs) => ({ timeMs, overlap: inTurn }));
  const onTime = plan.onTime.map((timeMs) => ({ timeMs, overlap: rule.overlap }));
  const all = [...madeUp, ...onTime] as const;
  const fire = all.slice(0, most);
  const next = fixedDelay && fire.length === 0 ? nextAfterEnd(clock, nowMs) : undefined;
  const nextTimeMs = all[most]?.timeMs ?? plan.nextMs;
  return {
    ...(plan.missed && { missed: plan.missed }),
    fire,
    ...(next ? { next } : nextTimeMs !== undefined && { next: withJitter(clock, nextTimeMs) }),
  };
}
