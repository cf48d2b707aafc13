import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type Worker,
  type WorkerOrder,
  WorkerOrderKind,
  WorkerOrderSchema,
  WorkerSchema,
  WorkerState,
} from "@pointsman/sdk/v1";
import { isOwnEndpoint } from "../../domain/work-place.js";
import type { WorkerControl } from "../../domain/worker-control.js";
import type { Store, WorkerRecord } from "../../store/store.js";

/** Lines, and running jobs, shown of each worker. */
const shown = 100;

/** What a worker is to those who call: its record in each of its zones, of which there is at least one. */
export type WorkerRecords = readonly WorkerRecord[];

/** Records by worker, by name. A worker that serves several zones has one in each. */
export function byWorker(records: readonly WorkerRecord[]): WorkerRecords[] {
  const byName = new Map<string, WorkerRecord[]>();
  for (const record of records) byName.set(record.name, [...(byName.get(record.name) ?? []), record]);
  return [...byName].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, some]) => some);
}

export function workerState(records: WorkerRecords): WorkerState {
  if (records.every((record) => record.state === "dead")) return WorkerState.DEAD;
  const orders = new Set(records.map(({ control }) => control?.kind));
  const stops = orders.has("DRAIN") || orders.has("GRACEFUL") || orders.has("NOW");
  if (stops || records.some((record) => record.state === "draining")) return WorkerState.DRAINING;
  if (orders.has("SUSPEND")) return WorkerState.SUSPENDED;
  return records.some((record) => record.running > 0) ? WorkerState.BUSY : WorkerState.IDLE;
}

/** Devices that a worker holds, in all its zones. */
export function deviceCount(records: WorkerRecords): number {
  return records.reduce((sum, { devices }) => sum + devices, 0);
}

/** A worker as callers see it. */
export async function viewWorker(store: Pick<Store, "workers" | "devices">, records: WorkerRecords): Promise<Worker> {
  const first = records[0]!;
  const lines = await Promise.all(records.map((record) => linesOf(store, record)));
  const most = (figure: (record: WorkerRecord) => number): number => Math.max(...records.map(figure));
  const sum = (figure: (record: WorkerRecord) => number): number => records.reduce((all, one) => all + figure(one), 0);
  const dead = records.every(({ state }) => state === "dead");
  const control = records.find((record) => record.control)?.control;
  return create(WorkerSchema, {
    name: first.name,
    state: workerState(records),
    pid: first.pid,
    hostname: first.hostname,
    node: first.node,
    zones: records.map((record) => record.zone).sort(),
    queues: lines.flatMap(({ queues }) => queues).slice(0, shown),
    lastHeartbeat: timestampFromMs(most((record) => record.beatMs)),
    birthTime: timestampFromMs(first.birthMs),
    // The store counts these by zone; the others are the whole process's, told to each of its zones.
    successfulJobCount: sum((record) => record.succeeded),
    failedJobCount: sum((record) => record.failed),
    deviceCount: deviceCount(records),
    runningJobCount: most((record) => record.running),
    capacity: most((record) => record.capacity),
    sessionCount: most((record) => record.sessions),
    version: first.version,
    labels: { ...first.labels },
    ...(control && { order: viewOrder(control) }),
    ...(dead
      ? { deathTime: timestampFromMs(most((record) => record.deadMs ?? 0)) }
      : {
          currentJobs: lines.flatMap(({ jobs }) => jobs).slice(0, shown),
          eventLoopDelay: durationFromMs(most((record) => record.loopDelayMs ?? 0)),
          claimAge: durationFromMs(most((record) => record.claimAgeMs ?? 0)),
        }),
  });
}

async function linesOf({ workers, devices }: Pick<Store, "workers" | "devices">, record: WorkerRecord) {
  const { zone, name, state, jobs = [] } = record;
  const endpoints = [...(await workers.endpoints(zone, name, shown))].sort();
  const running = state === "dead" ? [] : jobs;
  const all = [...endpoints, ...running.map(({ endpoint }) => endpoint)];
  const names = all.length === 0 ? [] : await devices.namesAt(zone, all);
  const queues = all.map((endpoint, index) =>
    isOwnEndpoint(endpoint) ? endpoint : `device/${names[index] ?? endpoint}`,
  );
  return {
    queues: queues.slice(0, endpoints.length),
    jobs: running.map(({ id, startMs }, index) => ({
      ...{ id, queue: queues[endpoints.length + index] ?? "" },
      startTime: timestampFromMs(startMs),
    })),
  };
}

function viewOrder({ kind, caller, reason, timeMs, graceMs }: WorkerControl): WorkerOrder {
  return create(WorkerOrderSchema, {
    ...{ kind: WorkerOrderKind[kind], caller, reason, time: timestampFromMs(timeMs) },
    ...(graceMs === undefined ? {} : { gracePeriod: durationFromMs(graceMs) }),
  });
}
