import type { WorkerControl } from "../../../src/domain/worker-control.js";
import { holdReason } from "../../../src/domain/hold.js";
import {
  type DeviceStore,
  type QueueRecord,
  type QueueStore,
  StoreError,
  type WorkerStore,
} from "../../../src/store/store.js";
import * as zones from "./zone.js";

const ranks = { SUSPEND: 0, DRAIN: 1, GRACEFUL: 2, NOW: 3 };
const rankOf = (control: WorkerControl | undefined): number => (control ? ranks[control.kind] : 0);

/** What people set by hand, and what the service shows of devices, queues and workers, in the model. */
export interface ModelControl {
  readonly devices: Pick<DeviceStore, "lock" | "unlock" | "status">;
  readonly queues: Pick<QueueStore, "pause" | "get" | "named" | "setLimit">;
  readonly workers: Pick<WorkerStore, "list" | "control">;
  /** Closes an endpoint for new jobs, for a while or for good. */
  close(endpoint: string, forMs?: number): "OK" | "LIVE" | "LOCKED";
  open(endpoint: string): void;
}

export function createModelControl(zone: zones.ModelZone): ModelControl {
  function ofDevice(name: string, endpoint: string): QueueRecord {
    const device = zones.deviceAt(zone, endpoint);
    const waiting = [...zone.jobs.values()].filter(
      ({ state, spec }) => (state === "QUEUED" || state === "DELAYED") && spec.endpoint === endpoint,
    );
    return {
      zone: zone.name,
      name: `device/${name}`,
      waiting: waiting.length,
      running: device.run === undefined ? 0 : 1,
      ...(waiting.length > 0 ? { oldestMs: Math.min(...waiting.map((job) => job.createMs)) } : {}),
      ...(device.paused ? { paused: device.paused } : {}),
    };
  }

  function ofQueue(queue: string): QueueRecord {
    const name = `queue/${queue}`;
    const live = [...zone.jobs.values()].filter((job) => job.spec.queue === queue && zones.isLive(job));
    const running = zones.holders(zone, name);
    const paused = zone.pausedQueues.get(name);
    const limit = zone.limits.get(name);
    return {
      zone: zone.name,
      name: queue,
      waiting: Math.max(0, live.length - running),
      running,
      ...(live.length > 0 ? { oldestMs: Math.min(...live.map((job) => job.createMs)) } : {}),
      ...(paused ? { paused } : {}),
      ...(limit === undefined ? {} : { limit }),
    };
  }

  return {
    devices: {
      async lock({ endpoint }, { owner, scope, reason, forMs }) {
        const device = zones.deviceAt(zone, endpoint);
        if (device.lock && device.lock.owner !== owner) throw new StoreError("DEVICE_LOCKED", "by another");
        const timeMs = zone.now();
        device.lock = { owner, scope, reason, timeMs, ...(forMs === undefined ? {} : { expireMs: timeMs + forMs }) };
        zones.place(zone, endpoint);
      },
      async unlock({ endpoint }, caller, force) {
        const device = zones.deviceAt(zone, endpoint);
        if (!device.lock) throw new StoreError("DEVICE_NOT_LOCKED", "it has none");
        if (device.lock.owner !== caller && !force) throw new StoreError("DEVICE_LOCKED", "by another");
        delete device.lock;
        zones.place(zone, endpoint);
      },
      async status(_zone, endpoint) {
        const device = zones.deviceAt(zone, endpoint);
        const { owner, run, hold, lock, paused, lastFailure } = device;
        return {
          ...(owner === undefined ? {} : { owner }),
          ...(run === undefined ? {} : { runningJob: run }),
          waitingReads: zones.lineAt(zone, endpoint, "reads").length,
          waitingChanges: zones.lineAt(zone, endpoint, "changes").length,
          ...(hold === undefined ? {} : { hold: { ...holdReason(hold), timeMs: device.holds.get(hold) ?? 0 } }),
          ...(lock ? { lock } : {}),
          ...(paused ? { paused } : {}),
          ...(lastFailure ? { lastFailure } : {}),
        };
      },
    },
    queues: {
      async pause(target, pause) {
        if ("queue" in target) {
          const name = `queue/${target.queue}`;
          zone.queues.add(target.queue);
          if (pause) {
            zone.pausedQueues.set(name, pause);
          } else {
            zone.pausedQueues.delete(name);
            zones.admit(zone, name);
          }
        } else {
          const device = zones.deviceAt(zone, target.endpoint);
          if (pause) device.paused = pause;
          else delete device.paused;
          zones.place(zone, target.endpoint);
        }
      },
      get: async (target) => ("queue" in target ? ofQueue(target.queue) : ofDevice(target.device, target.endpoint)),
      named: async () => [...zone.queues].sort(),
      async setLimit(_zone, name, most) {
        if (most === undefined) zone.limits.delete(name);
        else zone.limits.set(name, most);
        zones.admit(zone, name);
      },
    },
    workers: {
      async list() {
        const owners = [...zone.devices.values()].map(({ owner }) => owner);
        return zones
          .byScore(
            zone.workers.values(),
            () => 0,
            ({ identity }) => identity.name,
          )
          .map((worker) => ({
            ...worker.identity,
            skills: worker.state === "dead" ? [] : [...worker.identity.skills].sort(),
            birthMs: worker.birthMs,
            beatMs: worker.beatMs,
            beat: worker.beat,
            state: worker.state,
            running: worker.running,
            sessions: worker.sessions,
            succeeded: worker.succeeded,
            failed: worker.failed,
            ...(worker.deadMs === undefined ? {} : { deadMs: worker.deadMs }),
            ...(worker.control ? { control: worker.control } : {}),
            devices: owners.filter((owner) => owner === worker.identity.name).length,
          }));
      },
      async control(_zone, name, order) {
        const worker = zone.workers.get(name);
        if (!worker || worker.state === "dead") return { answer: "NONE" };
        const before = rankOf(worker.control);
        const rank = rankOf(order);
        if (before > 0 && rank === 0) return { answer: "STOPPING" };
        if (order === undefined) {
          delete worker.control;
          worker.closing = false;
        } else if (rank >= before) {
          worker.control = order;
          worker.closing = true;
          for (const device of zone.devices.values()) if (device.owner === name) zones.place(zone, device.endpoint);
        }
        const busy = rank === 0 ? [] : [...zone.devices.values()].filter(({ owner }) => owner === name);
        const running = busy.flatMap(({ run, endpoint }) =>
          run === undefined ? [] : [{ job: run, attempt: zone.jobs.get(run)?.attempts.length ?? 0, endpoint }],
        );
        return { answer: "OK", running };
      },
    },
    close(endpoint, forMs = Infinity) {
      const device = zones.deviceAt(zone, endpoint);
      const live = [...zone.jobs.values()].some((job) => job.spec.endpoint === endpoint && zones.isLive(job));
      if (live || device.hold !== undefined) return "LIVE";
      if (device.lock || device.paused) return "LOCKED";
      device.closedUntilMs = zone.now() + forMs;
      return "OK";
    },
    open(endpoint) {
      zones.deviceAt(zone, endpoint).closedUntilMs = 0;
    },
  };
}
