import { clone, isFieldSet } from "@bufbuild/protobuf";
import { type Schedule, ScheduleSchema, type UpdateScheduleRequest } from "@pointsman/sdk/v1";
import { invalidFields } from "../../errors.js";

/** Fields that the service sets. */
const outputOnly = [
  "state",
  "version",
  "creator",
  "createTime",
  "updateTime",
  "nextTime",
  "pause",
  "lastRun",
  "lastRunTime",
  "liveRuns",
  "failuresInARow",
  "counts",
] as const;

type Change = (to: Schedule, from: Schedule) => void;

/** What each path of an update mask changes. */
const changeable: Readonly<Record<string, Change>> = {
  cron: changeWhen("cron"),
  every: changeWhen("every"),
  at: changeWhen("at"),
  time_zone: (to, from) => (to.timeZone = from.timeZone),
  interval_mode: (to, from) => (to.intervalMode = from.intervalMode),
  start_now: (to, from) => (to.startNow = from.startNow),
  jitter: setOrClear("jitter"),
  start_time: setOrClear("startTime"),
  end_time: setOrClear("endTime"),
  overlap_policy: (to, from) => (to.overlapPolicy = from.overlapPolicy),
  misfire_policy: (to, from) => (to.misfirePolicy = from.misfirePolicy),
  misfire_window: setOrClear("misfireWindow"),
  pause_after_failures: (to, from) => (to.pauseAfterFailures = from.pauseAfterFailures),
  run: setOrClear("run"),
  labels: (to, from) => (to.labels = from.labels),
  description: (to, from) => (to.description = from.description),
};

/** Another kind of timing leaves behind what belongs to the old one alone. */
function changeWhen(kind: "cron" | "every" | "at"): Change {
  return (to, from) => {
    if (from.when.case !== kind) {
      throw invalidFields([{ field: `schedule.${kind}`, description: "is in update_mask, so it must be set" }]);
    }
    if (to.when.case !== kind) Object.assign(to, { timeZone: "", intervalMode: 0, startNow: false });
    to.when = from.when;
  };
}

function setOrClear(field: "jitter" | "startTime" | "endTime" | "misfireWindow" | "run"): Change {
  return (to, from) => {
    delete to[field];
    if (from[field]) Object.assign(to, { [field]: from[field] });
  };
}

/** Refuses a new schedule that brings what the service sets. INVALID_REQUEST. */
export function refuseOutputFields(schedule: Schedule): void {
  const given = outputOnly.filter((name) => isFieldSet(schedule, ScheduleSchema.field[name]));
  const description = "is output only: the service sets it";
  if (given.length > 0) {
    throw invalidFields(given.map((name) => ({ field: `schedule.${ScheduleSchema.field[name].name}`, description })));
  }
}

/** A schedule as it shall be: what is stored, with the fields of the mask from the request. INVALID_REQUEST. */
export function updatedSchedule(stored: Schedule, { schedule, updateMask }: UpdateScheduleRequest): Schedule {
  const paths = updateMask?.paths ?? [];
  const bad = paths.flatMap((path, index) =>
    Object.hasOwn(changeable, path)
      ? []
      : [{ field: `update_mask.paths[${index}]`, description: "is no field that can be changed" }],
  );
  if (bad.length > 0) throw invalidFields(bad);
  const asked = schedule!;
  if (paths.length === 0) return asked;
  const updated = clone(ScheduleSchema, stored);
  // What belongs to a timing is set behind it.
  const timings = ["cron", "every", "at"];
  for (const path of [...paths].sort((a, b) => Number(timings.includes(b)) - Number(timings.includes(a)))) {
    changeable[path]!(updated, asked);
  }
  return updated;
}
