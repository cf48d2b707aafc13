import {
  type ListScheduleHistoryResponse,
  ListScheduleHistoryRequestSchema,
  ListScheduleHistoryResponseSchema,
} from "@pointsman/sdk/v1";
import { create } from "@bufbuild/protobuf";
import type { ScheduleStore } from "../../store/store.js";
import { listKey, placeNumber, readPageToken, writePageToken } from "../page-token.js";
import { viewEntry } from "./schedule-view.js";

/** A page of a schedule's history, newest first: pages stay stable while entries come. */
export async function historyPage(
  schedules: ScheduleStore,
  name: string,
  limit: number,
  pageToken: string,
): Promise<ListScheduleHistoryResponse> {
  const key = listKey(
    "ListScheduleHistory",
    ListScheduleHistoryRequestSchema,
    create(ListScheduleHistoryRequestSchema, { name }),
  );
  const place = readPageToken(key, 1, pageToken)?.[0];
  const entries = await schedules.history(name, { limit, ...(place !== undefined && { before: placeNumber(place) }) });
  const last = entries.at(-1);
  return create(ListScheduleHistoryResponseSchema, {
    entries: entries.map(viewEntry),
    nextPageToken:
      entries.length < limit || !last || last.number === 1 ? "" : writePageToken(key, [String(last.number)]),
  });
}
