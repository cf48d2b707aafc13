import { type ListSchedulesRequest, type ScheduleFilter, ScheduleFilterSchema } from "@pointsman/sdk/v1";
import type { ScheduleRecord, ScheduleStore } from "../../store/store.js";
import { listKey, maxPageSize, pageSize, readPageToken, writePageToken } from "../page-token.js";
import { scheduleState } from "./schedule-enums.js";

/** A page looks at no more schedules than this; a filter that meets few of them gives a short page and where to go on. */
const mostLookedAt = 10_000;

/** A page of schedules, by name. */
export async function listSchedules(
  schedules: ScheduleStore,
  request: ListSchedulesRequest,
): Promise<{ readonly found: readonly ScheduleRecord[]; readonly next: string }> {
  const { filter } = request;
  const limit = pageSize(request.pageSize);
  const key = listKey("ListSchedules", ScheduleFilterSchema, filter);
  let after = readPageToken(key, 1, request.pageToken)?.[0];

  if (filter && filter.names.length > 0) {
    const names = [...new Set(filter.names)].sort().filter((name) => after === undefined || name > after);
    const part = names.slice(0, limit);
    const found = (await schedules.getMany(part)).filter((one) => one !== undefined);
    const next = names.length > part.length ? writePageToken(key, [part.at(-1)!]) : "";
    return { found: found.filter((one) => meets(one, filter)), next };
  }
  const found: ScheduleRecord[] = [];
  for (let looked = 0; looked < mostLookedAt; looked += maxPageSize) {
    const page = await schedules.list({ limit: filter ? maxPageSize : limit, ...(after !== undefined && { after }) });
    for (const schedule of page.schedules) {
      after = schedule.name;
      if (!filter || meets(schedule, filter)) found.push(schedule);
      if (found.length === limit) {
        const isLast = page.next === undefined && schedule === page.schedules.at(-1);
        return { found, next: isLast ? "" : writePageToken(key, [after]) };
      }
    }
    if (page.next === undefined) return { found, next: "" };
    after = page.next;
  }
  return { found, next: after === undefined ? "" : writePageToken(key, [after]) };
}

function meets(schedule: ScheduleRecord, filter: ScheduleFilter): boolean {
  const text = filter.text.toLowerCase();
  return (
    (filter.states.length === 0 || filter.states.includes(scheduleState(schedule))) &&
    (filter.creators.length === 0 || filter.creators.includes(schedule.creator)) &&
    Object.entries(filter.labels).every(([name, value]) => schedule.labels[name] === value) &&
    [schedule.name, schedule.description].some((part) => part.toLowerCase().includes(text))
  );
}
