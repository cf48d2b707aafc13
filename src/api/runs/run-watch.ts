import { create } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { type WatchRunRequest, type WatchRunResponse, WatchRunResponseSchema } from "@pointsman/sdk/v1";
import type { Clock } from "../../domain/clock.js";
import { isRunFinal } from "../../domain/run-state.js";
import type { RunEntry } from "../../domain/run.js";
import type { Store } from "../../store/store.js";
import { historyGone, invalidCursor, readCursor, writeCursor } from "../cursor.js";
import { createDirtyFlag, type DirtyFlag } from "../dirty-flag.js";
import { defaultHeartbeatMs } from "../jobs/job-watch.js";
import { needRun, viewCounts, viewRun, viewTargets } from "./run-view.js";

/** Hints can be lost: a run that is watched is looked at at least this often. Milliseconds. */
const lookMs = 2_000;
/** Entries of the history read at a time. */
const pieceEntries = 100;

/** What watching needs. */
interface RunWatchParts {
  readonly store: Pick<Store, "runs" | "jobs" | "watches">;
  readonly clock: Clock;
}

/**
 * Follows one run: as it is, every end so far, a mark, then every end and every change as it happens. Ends with the run.
 * Throws the signal's reason when that aborts, RUN_NOT_FOUND, INVALID_CURSOR and HISTORY_GONE.
 */
export async function* watchRun(
  parts: RunWatchParts,
  request: WatchRunRequest,
  signal: AbortSignal,
): AsyncGenerator<WatchRunResponse> {
  const news = createDirtyFlag(parts.clock);
  // Before the first look, so that nothing falls between the two.
  const unsubscribe = parts.store.watches.onRun(request.id, () => news.set());
  try {
    yield* follow(parts, request, news, signal);
  } finally {
    unsubscribe();
  }
}

async function* follow(
  { store, clock }: RunWatchParts,
  { id, cursor, heartbeatInterval }: WatchRunRequest,
  news: DirtyFlag,
  signal: AbortSignal,
): AsyncGenerator<WatchRunResponse> {
  const heartbeatMs = heartbeatInterval ? durationMs(heartbeatInterval) : defaultHeartbeatMs;
  const epoch = await store.watches.epoch();
  const watched = `run/${id}`;
  let run = await needRun(store.runs, id);
  let behind = cursor === "" ? 0 : placeIn(readCursor(epoch, watched, cursor));
  const known = await store.runs.entries(id);
  if (behind > known) throw historyGone("the store has lost a part of this run's history");
  let sent = cursor === "" ? -1 : run.revision;
  let synced = false;
  let quietSinceMs = clock.monotonic();
  const answer = (item: WatchRunResponse["item"]): WatchRunResponse => {
    quietSinceMs = clock.monotonic();
    return create(WatchRunResponseSchema, { cursor: writeCursor(epoch, watched, behind), item });
  };

  if (cursor === "") {
    sent = run.revision;
    yield answer({ case: "run", value: viewRun(run) });
  }
  for (;;) {
    signal.throwIfAborted();
    const entries = await store.runs.history(id, behind, pieceEntries);
    if (entries.length > 0) {
      run = await needRun(store.runs, id);
      const ends = entries.filter((entry) => entry.kind === "ended");
      const views = await viewTargets(
        store,
        run,
        ends.map(({ index }) => index),
      );
      const statuses = views.map(({ status }) => status)[Symbol.iterator]();
      for (const [i, entry] of entries.entries()) {
        behind++;
        if (entry.kind === "ended") {
          const counts = viewCounts(run.counts, run.total);
          yield answer({
            case: "targetEnded",
            value: { $typeName: "pointsman.v1.RunTargetEnd", target: statuses.next().value!, counts },
          });
        } else if (isLastChange(entries, i) && run.revision > sent) {
          sent = run.revision;
          yield answer({ case: "run", value: viewRun(run) });
        }
        signal.throwIfAborted();
      }
      if (!synced && behind >= known) {
        synced = true;
        yield answer({ case: "synced", value: { $typeName: "pointsman.v1.Synced" } });
      }
      continue;
    }
    if (!synced) {
      synced = true;
      yield answer({ case: "synced", value: { $typeName: "pointsman.v1.Synced" } });
    }
    if (isRunFinal(run.state)) return;
    const leftMs = quietSinceMs + heartbeatMs - clock.monotonic();
    if (leftMs <= 0) yield answer({ case: "heartbeat", value: { $typeName: "pointsman.v1.Heartbeat" } });
    await news.wait(Math.min(lookMs, Math.max(1, leftMs)), signal);
    const revision = await store.runs.revision(id);
    if (revision === 0) throw historyGone("the store has lost this run, or has purged it");
    // What ended in another way than by an entry, such as by a repair, is noticed here.
    if (revision !== run.revision) run = await needRun(store.runs, id);
  }
}

function isLastChange(entries: readonly RunEntry[], at: number): boolean {
  return entries.slice(at + 1).every(({ kind }) => kind !== "changed");
}

function placeIn(place: unknown): number {
  if (typeof place === "number" && Number.isSafeInteger(place) && place >= 0) return place;
  throw invalidCursor("is damaged");
}
