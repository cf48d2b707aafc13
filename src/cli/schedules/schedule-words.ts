import { timestampDate } from "@pointsman/sdk";
import {
  FiringCauseSchema,
  MisfirePolicySchema,
  OverlapPolicySchema,
  RunStateSchema,
  ScheduleOutcomeSchema,
  ScheduleStateSchema,
  type Schedule,
} from "@pointsman/sdk/v1";
import { duration, enumName, labels, time } from "../terminal/format.js";
import { facts } from "../terminal/table.js";

/** "active", "paused", "ended". */
export const scheduleStateName = (value: number): string => enumName(ScheduleStateSchema, value);
/** "fired", "skipped-overlap", … */
export const outcomeName = (value: number): string => enumName(ScheduleOutcomeSchema, value);
/** "time", "trigger", "backfill". */
export const causeName = (value: number): string => enumName(FiringCauseSchema, value);
/** "succeeded", …; empty while it is under way. */
export const endName = (value: number): string => enumName(RunStateSchema, value);

/** When a schedule fires, in few words: "every 30 seconds", "0 3 * * * Europe/Berlin". */
export function whenText({ when, timeZone }: Schedule): string {
  if (when.case === "cron") return `${when.value} ${timeZone}`.trim();
  if (when.case === "every") return when.value;
  return when.case === "at" ? `at ${time(when.value)}` : "";
}

/** A schedule, a fact a line. */
export function describeSchedule(schedule: Schedule): string {
  const { pause, counts } = schedule;
  const paused =
    pause && `by ${pause.caller || "itself"}${pause.note ? ` (${pause.note})` : ""} at ${time(pause.time)}`;
  return facts([
    ["schedule", schedule.name],
    ["when", whenText(schedule)],
    ["state", scheduleStateName(schedule.state)],
    ["paused", paused ?? ""],
    ["next", time(schedule.nextTime)],
    ["jitter", duration(schedule.jitter)],
    ["starts", time(schedule.startTime)],
    ["ends", time(schedule.endTime)],
    ["overlap", enumName(OverlapPolicySchema, schedule.overlapPolicy)],
    ["misfire", `${enumName(MisfirePolicySchema, schedule.misfirePolicy)} within ${duration(schedule.misfireWindow)}`],
    ["last run", schedule.lastRun && `${schedule.lastRun} at ${time(schedule.lastRunTime)}`],
    ["under way", String(schedule.liveRuns)],
    ["failures", String(schedule.failuresInARow)],
    [
      "so far",
      `${counts?.fired} fired, ${counts?.skipped} skipped, ${counts?.missed} missed, ${counts?.refused} refused`,
    ],
    ["labels", labels(schedule.labels)],
    ["description", schedule.description],
    ["creator", schedule.creator],
    ["version", String(schedule.version)],
  ]);
}

/** "2030-03-31T01:00:00.000Z", as a schedule's times are compared. */
export function utc(timestamp: Parameters<typeof timestampDate>[0] | undefined): string {
  return timestamp === undefined ? "" : timestampDate(timestamp).toISOString();
}
