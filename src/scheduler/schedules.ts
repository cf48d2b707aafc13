import type { Logger } from "pino";
import type { Calendar } from "../domain/calendar.js";
import type { Clock } from "../domain/clock.js";
import { isRunFinal } from "../domain/run-state.js";
import { decideDue, nextAfterEnd } from "../domain/schedule-plan.js";
import { createLoop, type Service } from "../domain/service.js";
import { scheduledRunId } from "../store/scheduled-run-id.js";
import { type Firing, type ScheduleRecord, type ScheduleRunEnd, type Store, StoreError } from "../store/store.js";

/** Schedules are looked at at least this often. */
const longestMs = 1_000;
/** After some were due, what they go on with may be due soon. */
const busyMs = 50;
/** Schedules, runs to create and runs under way that are taken at a time. */
const together = 100;
/** Times of one schedule that are fired at a time. */
const timesTogether = 100;
/** A server that took a run to create is waited for so long. */
const firingHoldMs = 10_000;
/** Runs under way are looked at this often, by all servers together. */
const lookMs = 500;

/** Creates the runs that schedules fire. */
export interface RunStarter {
  /** Creates a run, or notes that it cannot be; a second time changes nothing. Throws when it is worth another try. */
  start(firing: Firing): Promise<unknown>;
}

/** What the loop works with. */
export interface ScheduleLoopParts {
  readonly store: Pick<Store, "schedules" | "runs">;
  readonly starter: RunStarter;
  readonly calendar: Calendar;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Fires schedules. Every server does it, and none is the leader: what is decided about a time is written by compare and
 * set, together with the run that is to be created; creating it can be tried by anybody, any number of times.
 */
export function createScheduleLoop(parts: ScheduleLoopParts): Service {
  const { store, starter, calendar, clock, logger } = parts;
  const { schedules, runs } = store;

  /** What fails for one schedule must not keep the others from firing. */
  async function each<T>(items: readonly T[], what: string, work: (item: T) => Promise<unknown>): Promise<void> {
    await Promise.all(
      items.map((item) =>
        work(item).catch((error: unknown) => {
          if (!(error instanceof StoreError)) logger.error({ err: error }, "%s failed", what);
        }),
      ),
    );
  }

  async function fire(schedule: ScheduleRecord, nowMs: number): Promise<void> {
    if (schedule.nextMs === undefined) return;
    const decision = decideDue(calendar, schedule, schedule.nextMs, nowMs, timesTogether);
    const named = decision.fire.map((one) => ({ ...one, run: scheduledRunId(schedule.uid, one.timeMs) }));
    const done = await schedules.fire(schedule, { ...decision, fire: named });
    if (done && decision.missed) {
      const { count, firstMs } = decision.missed;
      logger.warn({ schedule: schedule.name, count, since: new Date(firstMs).toISOString() }, "times were missed");
    }
  }

  async function end(live: { readonly run: string; readonly schedule: string }, end: ScheduleRunEnd): Promise<void> {
    const schedule = await schedules.get(live.schedule);
    const next = schedule && nextAfterEnd(schedule, end.endMs);
    await schedules.ended(live.schedule, live.run, end, {
      pauseAfterFailures: schedule?.rule.pauseAfterFailures ?? 0,
      ...(next && { next }),
    });
  }

  async function lookAtRuns(nowMs: number): Promise<void> {
    const live = await schedules.takeLive(together, lookMs);
    const found = await Promise.all(live.map(({ run }) => runs.get(run)));
    const ended = live.flatMap((one, index) => {
      const run = found[index];
      if (!run) return [{ one, how: { endMs: nowMs, complete: false } }];
      if (!isRunFinal(run.state)) return [];
      const complete = run.state !== "CANCELLED" && run.counts.UNTOUCHED === 0;
      const succeeded = run.state === "CANCELLED" ? undefined : run.state === "SUCCEEDED";
      return [{ one, how: { state: run.state, endMs: run.endMs ?? nowMs, complete, succeeded } }];
    });
    await each(ended, "noting the end of a run", ({ one, how }) => end(one, how));
  }

  async function step(): Promise<number> {
    const due = await schedules.due(together);
    await each(due.schedules, "firing a schedule", (schedule) => fire(schedule, due.nowMs));
    await each(await schedules.takeFirings(together, firingHoldMs), "starting a run", (firing) =>
      starter.start(firing),
    );
    await lookAtRuns(due.nowMs);
    if (due.schedules.length > 0) return busyMs;
    return due.nextDueMs === undefined ? longestMs : Math.min(longestMs, due.nextDueMs - due.nowMs);
  }

  return createLoop(
    async (signal) => {
      while (!signal.aborted) {
        const nextMs = await step().catch((error: unknown) => {
          if (!(error instanceof StoreError)) logger.error({ err: error }, "firing schedules failed once");
          return longestMs;
        });
        await clock.sleep(Math.max(nextMs, 1), signal).catch(() => undefined);
      }
    },
    (error) => logger.error({ err: error }, "firing schedules stopped"),
  );
}
