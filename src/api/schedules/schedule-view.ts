import { create, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  IntervalMode,
  RunSpecSchema,
  type Schedule,
  ScheduleCountsSchema,
  SchedulePauseSchema,
  type ScheduleHistoryEntry,
  ScheduleHistoryEntrySchema,
  ScheduleSchema,
} from "@pointsman/sdk/v1";
import type { ScheduleRule } from "../../domain/schedule.js";
import { withJitter } from "../../domain/schedule-plan.js";
import type { ScheduleEntry, ScheduleRecord } from "../../store/store.js";
import {
  firingCause,
  misfirePolicy,
  overlapPolicy,
  runStateNamed,
  scheduleOutcome,
  scheduleState,
} from "./schedule-enums.js";

/** A schedule as callers see it. */
export function viewSchedule(record: ScheduleRecord): Schedule {
  const { name, labels, description, nextMs, paused, lastRunMs, counts } = record;
  return create(ScheduleSchema, {
    ...{ name, labels, description, ...ruleFields(record.rule) },
    run: fromBinary(RunSpecSchema, record.run),
    state: scheduleState(record),
    ...{ version: record.version, creator: record.creator },
    createTime: timestampFromMs(record.createMs),
    updateTime: timestampFromMs(record.updateMs),
    ...(nextMs !== undefined && !paused && { nextTime: timestampFromMs(withJitter(record, nextMs).dueMs) }),
    ...(paused && { pause: create(SchedulePauseSchema, { ...paused, time: timestampFromMs(paused.timeMs) }) }),
    lastRun: record.lastRun ?? "",
    ...(lastRunMs !== undefined && { lastRunTime: timestampFromMs(lastRunMs) }),
    ...{ liveRuns: record.liveRuns, failuresInARow: record.failures },
    counts: create(ScheduleCountsSchema, {
      ...{ fired: BigInt(counts.fired), skipped: BigInt(counts.skipped) },
      ...{ missed: BigInt(counts.missed), refused: BigInt(counts.refused) },
    }),
  });
}

function ruleFields(rule: ScheduleRule): MessageInitShape<typeof ScheduleSchema> {
  return {
    ...timingFields(rule),
    ...(rule.jitterMs > 0 && { jitter: durationFromMs(rule.jitterMs) }),
    ...(rule.startMs !== undefined && { startTime: timestampFromMs(rule.startMs) }),
    ...(rule.endMs !== undefined && { endTime: timestampFromMs(rule.endMs) }),
    overlapPolicy: overlapPolicy(rule.overlap),
    misfirePolicy: misfirePolicy(rule.misfire),
    misfireWindow: durationFromMs(rule.windowMs),
    pauseAfterFailures: rule.pauseAfterFailures,
  };
}

function timingFields({ timing }: ScheduleRule): MessageInitShape<typeof ScheduleSchema> {
  switch (timing.kind) {
    case "cron":
      return { when: { case: "cron", value: timing.expression }, timeZone: timing.timeZone };
    case "interval":
      return {
        when: { case: "every", value: timing.every },
        intervalMode: timing.fixedDelay ? IntervalMode.FIXED_DELAY : IntervalMode.FIXED_RATE,
        startNow: timing.startNow,
      };
    case "once":
      return { when: { case: "at", value: timestampFromMs(timing.atMs) } };
  }
}

/** An entry of a history as callers see it. */
export function viewEntry(entry: ScheduleEntry): ScheduleHistoryEntry {
  return create(ScheduleHistoryEntrySchema, {
    number: BigInt(entry.number),
    scheduledTime: timestampFromMs(entry.timeMs),
    outcome: scheduleOutcome(entry.outcome),
    cause: firingCause(entry.cause),
    entryTime: timestampFromMs(entry.entryMs),
    run: entry.run ?? "",
    runState: runStateNamed(entry.runState),
    ...(entry.runEndMs !== undefined && { runEndTime: timestampFromMs(entry.runEndMs) }),
    ...(entry.lastMs !== undefined && { lastTime: timestampFromMs(entry.lastMs) }),
    ...{
      count: entry.count ?? 0,
      reason: entry.reason ?? "",
      message: entry.message ?? "",
      caller: entry.caller ?? "",
    },
  });
}
