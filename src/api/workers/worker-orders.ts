import { durationMs } from "@bufbuild/protobuf/wkt";
import {
  type ResumeWorkersRequest,
  StopMode,
  type StopWorkersRequest,
  type SuspendWorkersRequest,
  type Worker,
  type WorkerSelector,
  WorkerState,
} from "@pointsman/sdk/v1";
import type { Clock } from "../../domain/clock.js";
import type { WorkerControl } from "../../domain/worker-control.js";
import { problem } from "../../errors.js";
import type { Store } from "../../store/store.js";
import { awaitFates, interrupted, type ToldAttempt } from "./stopped-jobs.js";
import { selectWorkers } from "./worker-selection.js";
import { deviceCount, viewWorker, type WorkerRecords, workerState } from "./worker-view.js";

/** How long to wait for what becomes of jobs, unless the caller says. Milliseconds. */
const waitMs = 10_000;

/** What orders to workers are given with. */
export interface OrderParts {
  readonly store: Pick<Store, "workers" | "devices" | "queues" | "zones" | "jobs" | "watches">;
  readonly clock: Clock;
}

const stopKinds: Readonly<Record<StopMode, "DRAIN" | "GRACEFUL" | "NOW">> = {
  [StopMode.UNSPECIFIED]: "DRAIN",
  [StopMode.DRAIN]: "DRAIN",
  [StopMode.GRACEFUL]: "GRACEFUL",
  [StopMode.NOW]: "NOW",
};

/** Lets workers take nothing new. */
export async function suspendWorkers(parts: OrderParts, request: SuspendWorkersRequest, caller: string) {
  const chosen = await choose(parts, request.selector, request.maxAffectedDevices);
  const { reason } = request;
  const order = { kind: "SUSPEND", caller, reason, timeMs: parts.clock.now() } as const;
  if (!request.validateOnly) await tell(parts, chosen.living, order);
  return { workers: await view(parts, chosen.living), affectedDevices: chosen.devices };
}

/** Lets them take work again. */
export async function resumeWorkers(parts: OrderParts, request: ResumeWorkersRequest) {
  const { living } = await choose(parts, request.selector, Infinity);
  if (!request.validateOnly) await tell(parts, living, undefined);
  return { workers: await view(parts, living) };
}

/** Stops workers, and waits a while for what becomes of their jobs. */
export async function stopWorkers(parts: OrderParts, request: StopWorkersRequest, caller: string, signal: AbortSignal) {
  const { selector, mode, gracePeriod, reason, validateOnly, waitTimeout } = request;
  const { all, living, devices } = await choose(parts, selector, request.maxAffectedDevices);
  if (validateOnly) return { workers: await view(parts, all), affectedDevices: devices };
  const kind = stopKinds[mode] ?? "DRAIN";
  const order: WorkerControl = {
    ...{ kind, caller, reason, timeMs: parts.clock.now() },
    ...(kind === "GRACEFUL" && gracePeriod ? { graceMs: durationMs(gracePeriod) } : {}),
  };
  const running = await tell(parts, living, order);
  const usualMs = kind === "DRAIN" ? 0 : waitMs;
  const timeoutMs = waitTimeout ? durationMs(waitTimeout) : usualMs;
  const names = living.map(([first]) => first!.name);
  const jobs = await awaitFates(parts, { running, workers: names, timeoutMs }, signal);
  return {
    workers: await view(parts, all),
    jobs,
    interruptedJobs: jobs.filter(interrupted).map(({ id }) => id),
    affectedDevices: devices,
  };
}

/** The workers that are meant, those of them that live, and how many devices these hold. TOO_MANY_DEVICES. */
async function choose({ store }: OrderParts, selector: WorkerSelector | undefined, most: number | undefined) {
  const wanted = selector!;
  const all = await selectWorkers(store, wanted);
  const living = all.filter((records) => workerState(records) !== WorkerState.DEAD);
  const devices = living.reduce((sum, records) => sum + deviceCount(records), 0);
  const bound = most ?? (wanted.queues.length > 0 || wanted.hosts.length > 0 ? 1 : Infinity);
  if (devices > bound) {
    const counts = {
      workers: String(living.length),
      affected_devices: String(devices),
      max_affected_devices: String(bound),
    };
    throw problem(
      "TOO_MANY_DEVICES",
      `${living.length} workers hold ${devices} devices, and at most ${bound} may be affected: raise max_affected_devices, ` +
        "or close the one device's session instead",
      { metadata: counts },
    );
  }
  return { all, living, devices };
}

/** Tells each worker in each of its zones. WORKER_STOPPING when a stop stands against it, before anybody is told. */
async function tell(
  { store }: OrderParts,
  chosen: readonly WorkerRecords[],
  order: WorkerControl | undefined,
): Promise<readonly ToldAttempt[]> {
  const stops = order !== undefined && order.kind !== "SUSPEND";
  const stopping = stops ? undefined : chosen.find((records) => workerState(records) === WorkerState.DRAINING);
  if (stopping) throw isStopping(stopping[0]!.name);
  const told: ToldAttempt[] = [];
  for (const { zone, name } of chosen.flat()) {
    const reply = await store.workers.control(zone, name, order);
    if (reply.answer === "STOPPING") throw isStopping(name);
    if (reply.answer === "OK") told.push(...reply.running.map((one) => ({ ...one, worker: name, zone })));
  }
  return told;
}

function isStopping(name: string): Error {
  return problem("WORKER_STOPPING", `worker ${name} is stopping, and that is not taken back`, {
    metadata: { worker: name },
  });
}

/** The same workers as they are now. */
async function view({ store }: OrderParts, chosen: readonly WorkerRecords[]): Promise<Worker[]> {
  if (chosen.length === 0) return [];
  const names = chosen.map(([first]) => first!.name);
  const now = await selectWorkers(store, { names, queues: [], nodes: [], hosts: [], zones: [] });
  return Promise.all(now.map((records) => viewWorker(store, records)));
}
