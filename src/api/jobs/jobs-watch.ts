import { create } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import {
  JobFilterSchema,
  type WatchJobsRequest,
  type WatchJobsResponse,
  WatchJobsResponseSchema,
} from "@pointsman/sdk/v1";
import type { Clock } from "../../domain/clock.js";
import { isFinal } from "../../domain/job-state.js";
import type { JobRecord } from "../../domain/job.js";
import type { Change, Store } from "../../store/store.js";
import { invalidCursor, readCursor, writeCursor } from "../cursor.js";
import { createDirtyFlag } from "../dirty-flag.js";
import { canChange, jobQuery, meets, meetsForEver } from "./job-filter.js";
import { viewJobs } from "./job-view.js";
import { defaultHeartbeatMs, pollMs } from "./job-watch.js";
import { listKey } from "../page-token.js";

/** Jobs on a page of the jobs there are, and changes read at a time. */
const pageJobs = 100;
/** Jobs read at a time: their specs may be large. */
const pieceJobs = 25;
/** Place before everything in a zone's feed. */
const feedStart = "0-0";
/** What a place in a feed looks like. */
const placeForm = /^\d{1,19}-\d{1,19}$/;

/**
 * Follows every job that a filter meets. Between two pulls it keeps a place for each zone, and the ids of live jobs it
 * has sent where the filter can be left. Throws the signal's reason when that aborts, INVALID_CURSOR and HISTORY_GONE.
 */
export async function* watchJobs(
  parts: { readonly store: Pick<Store, "jobs" | "watches" | "zones">; readonly clock: Clock },
  request: WatchJobsRequest,
  signal: AbortSignal,
): AsyncGenerator<WatchJobsResponse> {
  const { store, clock } = parts;
  const query = jobQuery(request.filter);
  const heartbeatMs = request.heartbeatInterval ? durationMs(request.heartbeatInterval) : defaultHeartbeatMs;
  const watched = `jobs/${listKey("WatchJobs", JobFilterSchema, request.filter)}`;
  const epoch = await store.watches.epoch();
  const news = createDirtyFlag(clock);
  const unsubscribe = store.watches.onFeed(() => news.set());
  signal.addEventListener("abort", unsubscribe, { once: true });
  try {
    const places = request.cursor
      ? zonePlaces(readCursor(epoch, watched, request.cursor))
      : new Map(await store.watches.tails(query.zones));
    const membership = createMembership(query, request.cursor !== "");
    const answer = (item: NonNullable<WatchItem>, cursor: boolean): WatchJobsResponse =>
      create(WatchJobsResponseSchema, {
        cursor: cursor ? writeCursor(epoch, watched, Object.fromEntries(places)) : "",
        item,
      });

    if (!request.cursor && !request.skipInitial) {
      let before: string | undefined;
      do {
        const page = await store.jobs.list(query, { limit: pageJobs, before });
        for (const job of page.jobs) membership.sent(job);
        // What was sent before the mark cannot be resumed behind: it has no cursor.
        for (const value of await viewJobs(store.jobs, page.jobs)) {
          yield answer({ case: "changed", value }, false);
          signal.throwIfAborted();
        }
        before = page.next;
      } while (before !== undefined);
    }
    yield answer({ case: "synced", value: {} }, true);

    let quietSinceMs = clock.monotonic();
    for (;;) {
      signal.throwIfAborted();
      let moved = false;
      for (const zone of await zonesOf(store, places, query.zones)) {
        const changes = await store.watches.changes(zone, places.get(zone) ?? feedStart, pageJobs);
        for (const part of pieces(lastOfEach(changes))) {
          const jobs = await store.jobs.getMany(part.map((change) => change.job));
          const views = await viewJobs(
            store.jobs,
            jobs.filter((job) => job !== undefined && meets(query, job)) as JobRecord[],
          );
          for (const [index, change] of part.entries()) {
            places.set(zone, change.position);
            const view = views.find((one) => one.id === change.job);
            const job = jobs[index];
            if (view && job) {
              membership.sent(job);
              yield answer({ case: "changed", value: view }, true);
            } else if (job && (membership.leaves(job) || isDeletedFrom(query, job))) {
              yield answer({ case: "removed", value: job.id }, true);
            } else {
              continue;
            }
            signal.throwIfAborted();
            quietSinceMs = clock.monotonic();
          }
        }
        const end = changes.at(-1);
        if (end) places.set(zone, end.position);
        moved ||= changes.length >= pageJobs;
      }
      if (moved) continue;
      const leftMs = quietSinceMs + heartbeatMs - clock.monotonic();
      if (leftMs <= 0) {
        yield answer({ case: "heartbeat", value: {} }, true);
        quietSinceMs = clock.monotonic();
      } else {
        await news.wait(Math.min(leftMs, pollMs), signal);
      }
    }
  } finally {
    signal.removeEventListener("abort", unsubscribe);
    unsubscribe();
  }
}

type WatchItem = NonNullable<Parameters<typeof create<typeof WatchJobsResponseSchema>>[1]>["item"];

/** Zones to look at: those of the filter, or all there are by now. A zone that is new begins at its feed's start. */
async function zonesOf(
  store: Pick<Store, "zones">,
  places: Map<string, string>,
  wanted: readonly string[] | undefined,
): Promise<readonly string[]> {
  for (const zone of (await store.zones()).keys()) if (!places.has(zone)) places.set(zone, feedStart);
  return [...places.keys()].filter((zone) => !wanted || wanted.includes(zone));
}

/**
 * The last change of each job, in order. A watch resumed behind one of them sees again what it has not sent: everything
 * before it belongs to jobs sent already, or to jobs that change again behind it.
 */
function lastOfEach(changes: readonly Change[]): readonly Change[] {
  const last = new Map<string, Change>();
  for (const change of changes) {
    last.delete(change.job);
    last.set(change.job, change);
  }
  return [...last.values()];
}

function* pieces(changes: readonly Change[]): Generator<readonly Change[]> {
  for (let start = 0; start < changes.length; start += pieceJobs) yield changes.slice(start, start + pieceJobs);
}

/** Whether a job left a query by being marked as deleted alone. Only what has ended is, and so it was there before. */
function isDeletedFrom(query: ReturnType<typeof jobQuery>, job: JobRecord): boolean {
  return job.deleteMs !== undefined && meets({ ...query, deleted: true }, job);
}

/** Knows which jobs were sent and may leave. Final jobs leave when they are deleted alone, so they are forgotten. */
function createMembership(
  query: ReturnType<typeof jobQuery>,
  resumed: boolean,
): { sent(job: JobRecord): void; leaves(job: JobRecord): boolean } {
  const changeable = canChange(query);
  const members = new Set<string>();
  // A resumed watch does not know what was sent before the cut: a job it first sees outside the filter may have been.
  const told = new Set<string>();
  return {
    sent(job) {
      if (!changeable) return;
      told.delete(job.id);
      if (isFinal(job.state)) members.delete(job.id);
      else members.add(job.id);
    },
    leaves(job) {
      if (!changeable) return false;
      const known = members.delete(job.id);
      const possible = resumed && !known && !told.has(job.id) && meetsForEver(query, job);
      if (possible && !isFinal(job.state)) told.add(job.id);
      if (isFinal(job.state)) told.delete(job.id);
      return known || possible;
    },
  };
}

function zonePlaces(place: unknown): Map<string, string> {
  if (typeof place === "object" && place !== null && !Array.isArray(place)) {
    const entries = Object.entries(place as Record<string, unknown>);
    const isPlace = (entry: [string, unknown]): entry is [string, string] =>
      typeof entry[1] === "string" && placeForm.test(entry[1]);
    if (entries.every(isPlace)) return new Map(entries);
  }
  throw invalidCursor("is damaged");
}
