import { setImmediate as nextTurn } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import {
  type JobEvent,
  JobState,
  type WatchJobRequest,
  type WatchJobResponse,
  WatchJobResponseSchema,
} from "@pointsman/sdk/v1";
import type { Clock } from "../../domain/clock.js";
import { isFinal } from "../../domain/job-state.js";
import { problem } from "../../errors.js";
import type { Store } from "../../store/store.js";
import { historyGone, invalidCursor, readCursor, writeCursor } from "../cursor.js";
import { createDirtyFlag } from "../dirty-flag.js";
import { eventKinds, type EventKinds, isOfKind, readEvents } from "./job-events.js";
import { viewJob } from "./job-view.js";

/** Default time without anything else after which a heartbeat comes. Milliseconds. */
export const defaultHeartbeatMs = 15_000;
/** Hints can be lost: the store is asked at least this often. Milliseconds. */
export const pollMs = 15_000;
/** What a watcher holds at a time. */
const piece = { limit: 100, maxBytes: 256 * 1024 };

const finalStates = new Set<JobState>([
  JobState.SUCCEEDED,
  JobState.FAILED,
  JobState.CANCELLED,
  JobState.EXPIRED,
  JobState.INDETERMINATE,
]);

/** The error for a job that is not there. */
export function jobNotFound(id: string): Error {
  return problem("JOB_NOT_FOUND", `no job ${id}`, { metadata: { job: id } });
}

/**
 * Follows one job. It is pulled: between two pulls it keeps a number and a bit, however much the job prints meanwhile.
 * Ends when the job is final and its last event was given; throws the signal's reason when that aborts, JOB_NOT_FOUND,
 * INVALID_CURSOR and HISTORY_GONE.
 */
export async function* watchJob(
  parts: { readonly store: Pick<Store, "jobs" | "watches">; readonly clock: Clock },
  request: Pick<WatchJobRequest, "id" | "cursor" | "skipHistory" | "heartbeatInterval" | "kinds">,
  signal: AbortSignal,
): AsyncGenerator<WatchJobResponse> {
  const { jobs, watches } = parts.store;
  const { id } = request;
  const heartbeatMs = request.heartbeatInterval ? durationMs(request.heartbeatInterval) : defaultHeartbeatMs;
  const wanted = eventKinds(request.kinds);
  // The end of the job is looked for in any case.
  const bounds = { ...piece, kinds: wanted && (new Set([...wanted, "state", "resolved"]) as EventKinds) };
  const epoch = await watches.epoch();
  const news = createDirtyFlag(parts.clock);
  const unsubscribe = watches.onJob(id, () => news.set());
  signal.addEventListener("abort", unsubscribe, { once: true });
  try {
    const answer = (number: number, item: NonNullable<WatchItem>): WatchJobResponse =>
      create(WatchJobResponseSchema, { cursor: writeCursor(epoch, `job/${id}`, number), item });
    let number: number;
    if (request.cursor) {
      number = eventNumber(readCursor(epoch, `job/${id}`, request.cursor));
      if (!(await jobs.get(id))) throw jobNotFound(id);
    } else {
      const job = await jobs.get(id);
      if (!job) throw jobNotFound(id);
      number = request.skipHistory ? job.lastEvent : Math.max(0, (await jobs.events(id, 1, 1)).first - 1);
      yield answer(number, { case: "snapshot", value: await viewJob(jobs, job) });
    }
    let synced = false;
    let quietSinceMs = parts.clock.monotonic();
    for (;;) {
      signal.throwIfAborted();
      const { events, first, last, looked } = await readEvents(jobs, id, number + 1, bounds);
      if (number + 1 < first || number > last) throw historyGone("events behind this cursor were removed");
      let ended = false;
      for (const event of events) {
        number = event.number;
        if (event.event.case === "stateChanged") ended = finalStates.has(event.event.value.state);
        else if (event.event.case === "resolved") ended = true;
        if (wanted && !isOfKind(wanted, event)) continue;
        yield eventAnswer(event, () => answer(number, { case: "event", value: event }));
        signal.throwIfAborted();
        quietSinceMs = parts.clock.monotonic();
      }
      number = Math.max(number, looked);
      if (number < last) continue;
      if (!synced) {
        synced = true;
        yield answer(number, { case: "synced", value: {} });
        quietSinceMs = parts.clock.monotonic();
      }
      if (ended) {
        // An end costs more than an event: nobody waits for an event until the watches of others have been closed.
        await nextTurn();
        return;
      }
      if (events.length === 0) {
        const job = await jobs.get(id);
        if (!job) throw jobNotFound(id);
        if (job.lastEvent > number) continue;
        if (isFinal(job.state)) return;
      }
      const leftMs = quietSinceMs + heartbeatMs - parts.clock.monotonic();
      if (leftMs <= 0) {
        yield answer(number, { case: "heartbeat", value: {} });
        quietSinceMs = parts.clock.monotonic();
      } else {
        await news.wait(Math.min(leftMs, pollMs), signal);
      }
    }
  } finally {
    signal.removeEventListener("abort", unsubscribe);
    unsubscribe();
  }
}

/** What carries an event, by the event: all watchers of a job send the same. */
const eventAnswers = new WeakMap<JobEvent, WatchJobResponse>();

function eventAnswer(event: JobEvent, make: () => WatchJobResponse): WatchJobResponse {
  let answer = eventAnswers.get(event);
  if (!answer) eventAnswers.set(event, (answer = make()));
  return answer;
}

type WatchItem = NonNullable<Parameters<typeof create<typeof WatchJobResponseSchema>>[1]>["item"];

function eventNumber(place: unknown): number {
  if (typeof place === "number" && Number.isInteger(place) && place >= 0) return place;
  throw invalidCursor("is damaged");
}
