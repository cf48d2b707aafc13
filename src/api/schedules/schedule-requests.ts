import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type BackfillScheduleResponseSchema,
  BackfilledTimeSchema,
  type TriggerScheduleResponseSchema,
} from "@pointsman/sdk/v1";
import type { Calendar } from "../../domain/calendar.js";
import { createTimes } from "../../domain/schedule-times.js";
import { invalidRequest, problem } from "../../errors.js";
import { scheduledRunId } from "../../store/scheduled-run-id.js";
import type { ScheduleRecord, Store } from "../../store/store.js";
import type { RunStarter, StartRefusal } from "./schedule-starter.js";

/** Times that one call goes back over at most. */
const mostBackfilled = 1_000;
/** Runs that are created at a time. */
const together = 20;
/** Entries of a history at most. */
const keptEntries = 1_000;
/** Other servers leave a run to this one for so long. */
const holdMs = 10_000;

/** Runs of a schedule that somebody asks for, beside those that come by time. */
export interface ScheduleRequests {
  /** Starts a run now. RUN_REFUSED. */
  trigger(
    schedule: ScheduleRecord,
    caller: string,
    requestId: string,
  ): Promise<MessageInitShape<typeof TriggerScheduleResponseSchema>>;
  /** Starts the runs of the times in a range that have none. INVALID_REQUEST. */
  backfill(
    schedule: ScheduleRecord,
    caller: string,
    fromMs: number,
    toMs: number,
  ): Promise<MessageInitShape<typeof BackfillScheduleResponseSchema>>;
}

export function createScheduleRequests(parts: {
  readonly store: Pick<Store, "schedules" | "runs">;
  readonly calendar: Calendar;
  readonly starter: RunStarter;
}): ScheduleRequests {
  const { store, calendar, starter } = parts;
  const { schedules, runs } = store;

  /** Creates runs at once, and says why some cannot be. */
  async function start(ids: readonly string[]): Promise<readonly StartRefusal[]> {
    const refusals: StartRefusal[] = [];
    for (let from = 0; from < ids.length; from += together) {
      await Promise.all(
        ids.slice(from, from + together).map(async (id) => {
          const [firing] = await schedules.takeFirings(1, holdMs, id);
          const refusal = firing && (await starter.start(firing));
          if (refusal) refusals.push(refusal);
        }),
      );
    }
    return refusals;
  }

  /** Why a run that somebody asked for before could not be started; undefined where it was, or is about to be. */
  async function refusalOf({ name }: ScheduleRecord, id: string): Promise<StartRefusal | undefined> {
    if (await runs.get(id)) return undefined;
    const entries = await schedules.history(name, { limit: keptEntries });
    const entry = entries.find(({ run, outcome }) => run === id && outcome === "REFUSED");
    return entry && { reason: entry.reason ?? "", message: entry.message ?? "" };
  }

  return {
    async trigger(schedule, caller, requestId) {
      const timeMs = await schedules.now();
      const run = scheduledRunId(schedule.uid, timeMs, requestId);
      const request = { scope: `${caller} TriggerSchedule ${schedule.uid}`, requestId };
      const wish = { cause: "TRIGGER", caller, runs: [{ timeMs, run }], request } as const;
      const { replayed } = await schedules.request(schedule, wish);
      const refusal = replayed === undefined ? (await start([run]))[0] : await refusalOf(schedule, replayed);
      if (!refusal) return { run: replayed ?? run, replayed: replayed !== undefined };
      const { reason, message } = refusal;
      const metadata = { reason, run: replayed ?? run };
      throw problem("RUN_REFUSED", `the run could not be started: ${message}`, { metadata });
    },

    async backfill(schedule, caller, fromMs, toMs) {
      const { timing } = schedule.rule;
      if (timing.kind === "interval" && timing.fixedDelay) {
        throw invalidRequest({ field: "name", description: "a fixed delay has no times in the past" });
      }
      if (toMs > (await schedules.now()))
        throw invalidRequest({ field: "to", description: "must not be in the future" });
      if (toMs <= fromMs) throw invalidRequest({ field: "to", description: "must be later than from" });
      const series = createTimes(calendar, schedule.rule, schedule.anchorMs);
      const times = [];
      for (let time = series.next(fromMs - 1); time !== undefined && time < toMs; time = series.next(time)) {
        times.push({ timeMs: time, run: scheduledRunId(schedule.uid, time) });
        if (times.length > mostBackfilled) {
          throw invalidRequest({
            field: "to",
            description: `more than ${mostBackfilled} times lie between from and to`,
          });
        }
      }
      const there = await Promise.all(times.map(({ run }) => runs.get(run)));
      const wanted = times.filter((_, index) => !there[index]);
      const { added } = await schedules.request(schedule, { cause: "BACKFILL", caller, runs: wanted });
      await start(added);
      const started = new Set(added);
      return {
        started: added.length,
        times: times.map(({ timeMs, run }) =>
          create(BackfilledTimeSchema, { time: timestampFromMs(timeMs), run, existed: !started.has(run) }),
        ),
      };
    },
  };
}
