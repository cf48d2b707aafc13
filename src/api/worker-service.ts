import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { type Worker, WorkerSchema, type WorkerService, WorkerState } from "@pointsman/sdk/v1";
import { workerHold } from "../domain/hold.js";
import { problem } from "../errors.js";
import type { Store, WorkerRecord, WorkerStore } from "../store/store.js";

/** Lines shown of each worker. */
const shownLines = 100;

/** Shows the workers, and forgets one. A worker that serves several zones has a record in each and is one worker here. */
export function createWorkerService({
  workers,
  upkeep,
  zones,
}: Pick<Store, "workers" | "upkeep" | "zones">): ServiceImpl<typeof WorkerService> {
  return {
    async forgetWorker({ name }) {
      let devices = 0;
      for (const zone of (await zones()).keys()) devices += await upkeep.lift(zone, workerHold(name));
      if (devices === 0 && !(await workers.list()).some((worker) => worker.name === name)) {
        throw problem("WORKER_NOT_FOUND", `no worker ${name}, and no device is held for it`, {
          metadata: { worker: name },
        });
      }
      return { devices };
    },
    async listWorkers({ names, states, zones }) {
      const byName = new Map<string, WorkerRecord[]>();
      for (const record of await workers.list(zones.length > 0 ? zones : undefined)) {
        if (names.length > 0 && !names.includes(record.name)) continue;
        byName.set(record.name, [...(byName.get(record.name) ?? []), record]);
      }
      const met = [...byName.values()]
        .filter((records) => states.length === 0 || states.includes(stateOf(records)))
        .sort(([one], [other]) => (one!.name < other!.name ? -1 : 1));
      return { workers: await Promise.all(met.map((records) => view(workers, records))) };
    },
  };
}

function stateOf(records: readonly WorkerRecord[]): WorkerState {
  if (records.every((record) => record.state === "dead")) return WorkerState.DEAD;
  if (records.some((record) => record.state === "draining")) return WorkerState.DRAINING;
  return records.some((record) => record.running > 0) ? WorkerState.BUSY : WorkerState.IDLE;
}

async function view(workers: WorkerStore, records: readonly WorkerRecord[]): Promise<Worker> {
  const first = records[0]!;
  const lines = await Promise.all(records.map(({ zone, name }) => workers.endpoints(zone, name, shownLines)));
  const most = (figure: (record: WorkerRecord) => number): number => Math.max(...records.map(figure));
  const sum = (figure: (record: WorkerRecord) => number): number => records.reduce((all, one) => all + figure(one), 0);
  return create(WorkerSchema, {
    name: first.name,
    state: stateOf(records),
    pid: first.pid,
    hostname: first.hostname,
    zones: records.map((record) => record.zone).sort(),
    queues: lines
      .flat()
      .slice(0, shownLines)
      .map((endpoint) => `device/${endpoint}`),
    lastHeartbeat: timestampFromMs(most((record) => record.beatMs)),
    birthTime: timestampFromMs(first.birthMs),
    // The store counts these by zone; the others are the whole process's, told to each of its zones.
    successfulJobCount: sum((record) => record.succeeded),
    failedJobCount: sum((record) => record.failed),
    deviceCount: sum((record) => record.devices),
    runningJobCount: most((record) => record.running),
    capacity: most((record) => record.capacity),
    sessionCount: most((record) => record.sessions),
    version: first.version,
  });
}
