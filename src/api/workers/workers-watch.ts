import { clone, create, equals, type MessageInitShape, toJsonString } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import {
  ListWorkersRequestSchema,
  type WatchWorkersRequest,
  type WatchWorkersResponse,
  WatchWorkersResponseSchema,
  type Worker,
  WorkerSchema,
} from "@pointsman/sdk/v1";
import type { Clock } from "../../domain/clock.js";
import { type Store, StoreError } from "../../store/store.js";
import { defaultHeartbeatMs } from "../jobs/job-watch.js";
import { filterWorkers } from "./worker-selection.js";
import { viewWorker } from "./worker-view.js";

/** Workers are looked at this often while somebody follows them. Milliseconds. */
const lookMs = 1_000;

type Parts = {
  readonly store: Pick<Store, "workers" | "devices" | "queues" | "zones">;
  readonly clock: Clock;
};

/**
 * Looks at workers for all who follow them: those who ask with the same filter within one look share it, so that many
 * watches cost the store no more than one.
 */
export function createWorkerSight({
  store,
  clock,
}: Parts): (filter: WatchWorkersRequest["filter"]) => Promise<Worker[]> {
  const looks = new Map<string, { readonly atMs: number; readonly seen: Promise<Worker[]> }>();
  return (filter) => {
    const asked = filter ?? create(ListWorkersRequestSchema);
    const key = toJsonString(ListWorkersRequestSchema, asked);
    const now = clock.monotonic();
    for (const [other, { atMs }] of looks) if (now - atMs >= lookMs) looks.delete(other);
    const look = looks.get(key);
    if (look) return look.seen;
    const seen = filterWorkers(store, asked).then((found) =>
      Promise.all(found.map((records) => viewWorker(store, records))),
    );
    looks.set(key, { atMs: now, seen });
    return seen;
  };
}

/** Follows workers: those there are, then each as it changes. Throws the signal's reason when that aborts. */
export async function* watchWorkers(
  { clock, sight }: { readonly clock: Clock; readonly sight: ReturnType<typeof createWorkerSight> },
  request: WatchWorkersRequest,
  signal: AbortSignal,
): AsyncGenerator<WatchWorkersResponse> {
  const heartbeatMs = request.heartbeatInterval ? durationMs(request.heartbeatInterval) : defaultHeartbeatMs;
  const sent = new Map<string, Worker>();
  let synced = false;
  let quietSinceMs = clock.monotonic();
  for (;;) {
    signal.throwIfAborted();
    const workers = await sight(request.filter).catch((error: unknown) => {
      // A store that is away for a while ends no watch, but a filter that is wrong is told at once.
      if (synced && error instanceof StoreError) return undefined;
      throw error;
    });
    const items: Item[] = workers ? news(sent, workers) : [];
    if (workers && !synced) items.push({ case: "synced", value: {} });
    synced ||= workers !== undefined;
    if (items.length === 0 && clock.monotonic() - quietSinceMs >= heartbeatMs) {
      items.push({ case: "heartbeat", value: {} });
    }
    for (const item of items) {
      yield create(WatchWorkersResponseSchema, { item });
      signal.throwIfAborted();
      quietSinceMs = clock.monotonic();
    }
    await clock.sleep(lookMs, signal).catch(() => undefined);
  }
}

type Item = NonNullable<MessageInitShape<typeof WatchWorkersResponseSchema>["item"]>;

/** What is new since the last look, which `sent` then holds. */
function news(sent: Map<string, Worker>, workers: readonly Worker[]): Item[] {
  const items: Item[] = [];
  const names = new Set(workers.map(({ name }) => name));
  for (const name of sent.keys()) {
    if (names.has(name)) continue;
    sent.delete(name);
    items.push({ case: "removed", value: name });
  }
  for (const worker of workers) {
    const before = sent.get(worker.name);
    if (before && equals(WorkerSchema, still(before), still(worker))) continue;
    sent.set(worker.name, worker);
    items.push({ case: "changed", value: worker });
  }
  return items;
}

/** A worker without what is never still. */
function still(worker: Worker): Worker {
  const copy = clone(WorkerSchema, worker);
  delete copy.lastHeartbeat;
  delete copy.eventLoopDelay;
  delete copy.claimAge;
  copy.queues = [];
  return copy;
}
