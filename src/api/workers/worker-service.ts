import type { ServiceImpl } from "@connectrpc/connect";
import type { WorkerService } from "@pointsman/sdk/v1";
import { workerHold } from "../../domain/hold.js";
import { problem } from "../../errors.js";
import type { Store } from "../../store/store.js";
import { principalKey } from "../calls/call-context.js";
import { type OrderParts, resumeWorkers, stopWorkers, suspendWorkers } from "./worker-orders.js";
import { closeSessions } from "./session-close.js";
import { listSessions } from "./session-list.js";
import { filterWorkers, workerNotFound } from "./worker-selection.js";
import { byWorker, viewWorker } from "./worker-view.js";
import { createWorkerSight, watchWorkers } from "./workers-watch.js";

/** Shows the workers and their sessions, tells them to take nothing new, to stop or to close sessions, and forgets one. */
export function createWorkerService(
  parts: OrderParts & { readonly store: Pick<Store, "upkeep"> },
): ServiceImpl<typeof WorkerService> {
  const { store, clock } = parts;
  const { workers, upkeep, zones } = store;
  const sight = createWorkerSight(parts);
  return {
    async forgetWorker({ name }) {
      const records = (await workers.list()).filter((worker) => worker.name === name);
      if (records.some(({ state }) => state !== "dead")) {
        const message = `worker ${name} lives, and tells what its journal knows; stop it before it is given up`;
        throw problem("WORKER_LIVES", message, { metadata: { worker: name } });
      }
      let devices = 0;
      let known = false;
      for (const zone of (await zones()).keys()) {
        const lifted = await upkeep.lift(zone, workerHold(name));
        devices += lifted.devices;
        known ||= lifted.opened || lifted.devices > 0;
      }
      if (!known && records.length === 0) {
        throw problem("WORKER_NOT_FOUND", `no worker ${name}, and no device is held for it`, {
          metadata: { worker: name },
        });
      }
      return { devices };
    },
    async listWorkers(filter) {
      const found = await filterWorkers(store, filter);
      return { workers: await Promise.all(found.map((records) => viewWorker(store, records))) };
    },
    async getWorker({ name }) {
      const [records] = byWorker((await workers.list()).filter((worker) => worker.name === name));
      if (!records) throw workerNotFound(name);
      return { worker: await viewWorker(store, records) };
    },
    listSessions: (request) => listSessions(store, request),
    closeSessions: (request, { signal }) => closeSessions(parts, request, signal),
    suspendWorkers: (request, { values }) => suspendWorkers(parts, request, values.get(principalKey).name),
    resumeWorkers: (request) => resumeWorkers(parts, request),
    stopWorkers: (request, { values, signal }) => stopWorkers(parts, request, values.get(principalKey).name, signal),
    watchWorkers: (request, { signal }) => watchWorkers({ clock, sight }, request, signal),
  };
}
