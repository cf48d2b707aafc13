import type { UpkeepStore } from "../../../src/store/store.js";
import { bury, free, ownedBy } from "./model-leases.js";
import { refuseToWait } from "./refuse-to-wait.js";
import * as zones from "./zone.js";

const tickLimit = 100;
const retainLimit = 50;
const handoffMs = 5_000;
const putOffMs = 5_000;
const graveMs = 3_600_000;
const longestMs = 1_000;

/** Which of a dead worker's devices are freed next: the store takes any. */
export type PickDevices = (endpoints: readonly string[], limit: number) => readonly string[];

/** What is done by time, in the model. */
export function createModelUpkeep(zone: zones.ModelZone, pick: PickDevices): Omit<UpkeepStore, "reconcile" | "lift"> {
  const dueJobs = (state: readonly string[], due: (job: zones.ModelJob) => number): zones.ModelJob[] =>
    zones.byScore(
      [...zone.jobs.values()].filter((job) => state.includes(job.state)),
      due,
      (job) => job.id,
    );
  const startTime = (job: zones.ModelJob): number => job.retryMs ?? job.startAfterMs ?? 0;
  const dueDevices = (due: (device: zones.ModelDevice) => number | undefined) =>
    zones.byScore(
      [...zone.devices.values()].flatMap((device) => {
        const ms = due(device);
        return ms === undefined ? [] : [{ device, ms }];
      }),
      ({ ms }) => ms,
      ({ device }) => device.endpoint,
    );
  const handoffs = () =>
    dueDevices((device) => (device.warmSinceMs === undefined ? undefined : device.warmSinceMs + handoffMs));
  const locks = () => dueDevices((device) => device.lock?.expireMs);

  function expire(job: zones.ModelJob): void {
    if (job.spec.effectClass === "AT_MOST_ONCE" && zones.mayBeForgotten(zone)) {
      job.expireMs = zone.now() + putOffMs;
      return;
    }
    job.error = { reason: "QUEUE_TIMEOUT", message: "No worker could take the job in time." };
    job.effect = "NONE";
    zones.end(zone, job, "EXPIRED");
    zones.record(zone, job, { kind: "state", state: "EXPIRED", error: job.error });
    zones.place(zone, job.spec.endpoint);
  }

  function nextDue(waits: boolean): number {
    const waiting = dueJobs(["DELAYED", "QUEUED"], (job) => job.expireMs).map((job) => job.expireMs);
    const delayed = dueJobs(["DELAYED"], startTime).map(startTime);
    const devices = [...(waits ? [] : handoffs()), ...locks()].map(({ ms }) => ms);
    const first = Math.min(...waiting, ...delayed, ...devices);
    return Number.isFinite(first) ? Math.min(longestMs, Math.max(0, first - zone.now())) : longestMs;
  }

  return {
    async tick() {
      const now = zone.now();
      let worked = 0;
      const each = <T>(due: readonly T[], act: (item: T) => void): void => {
        for (const item of due.slice(0, tickLimit)) {
          worked += 1;
          act(item);
        }
      };
      each(
        dueJobs(["DELAYED", "QUEUED"], (job) => job.expireMs).filter((job) => job.expireMs <= now),
        expire,
      );
      each(
        dueJobs(["DELAYED"], startTime).filter((job) => startTime(job) <= now),
        (job) => {
          job.state = "QUEUED";
          job.queueMs = now;
          zones.holdAsZone(zone, job);
          zones.record(zone, job, { kind: "state", state: "QUEUED" });
          zones.place(zone, job.spec.endpoint);
          if (refuseToWait(zone, job)) zones.place(zone, job.spec.endpoint);
        },
      );
      const overdue = handoffs().filter(({ ms }) => ms <= now);
      const waits = overdue.length > 0 && zones.isShut(zone);
      each(waits ? [] : overdue, ({ device }) => {
        zones.letGo(device);
        zones.place(zone, device.endpoint);
      });
      each(
        locks().filter(({ ms }) => ms <= now),
        ({ device }) => {
          delete device.lock;
          zones.place(zone, device.endpoint);
        },
      );
      for (const name of [...zone.crowds].sort()) {
        zones.recall(zone, name);
        zones.admit(zone, name);
      }
      const owners = new Set([...zone.devices.values()].map(({ owner }) => owner));
      each(
        [...zone.workers.values()].filter(({ deadMs }) => deadMs !== undefined && deadMs <= now - graveMs),
        ({ identity }) => {
          if (owners.has(identity.name)) return;
          zone.workers.delete(identity.name);
          zone.gate.unseen.delete(identity.name);
          zone.gate.roster += 1;
        },
      );
      return { worked, nextMs: nextDue(waits) };
    },

    async retain(_zone, rule) {
      const now = zone.now();
      let worked = 0;
      const ended = (good: boolean) =>
        zones.byScore(
          [...zone.jobs.values()].filter((job) => job.doneMs !== undefined && (job.state === "SUCCEEDED") === good),
          (job) => job.doneMs ?? 0,
          (job) => job.id,
        );
      const purge = (jobs: readonly zones.ModelJob[]): void => {
        for (const job of jobs) {
          zone.jobs.delete(job.id);
          worked += 1;
        }
      };
      purge(
        ended(true)
          .filter((job) => (job.doneMs ?? 0) <= now - rule.succeededMs)
          .slice(0, retainLimit),
      );
      purge(
        ended(false)
          .filter((job) => (job.doneMs ?? 0) <= now - rule.failedMs)
          .slice(0, retainLimit),
      );
      for (const good of [true, false]) {
        const many = ended(true).length + ended(false).length - rule.jobs;
        if (many > 0) purge(ended(good).slice(0, Math.min(many, retainLimit)));
      }
      const outputs = zones.byScore(
        [...zone.jobs.values()].filter((job) => job.endMs !== undefined && job.output.length > 0 && !job.outputGone),
        (job) => job.endMs ?? 0,
        (job) => job.id,
      );
      let bytes = outputs.reduce((sum, job) => sum + job.output.length, 0);
      for (const job of outputs.slice(0, retainLimit)) {
        if (bytes <= rule.outputBytes) break;
        bytes -= job.output.length;
        job.outputGone = true;
        worked += 1;
      }
      return worked;
    },

    async reap(_zone, name, beat, limit) {
      const worker = zone.workers.get(name);
      if (!worker) return { buried: true, left: 0 };
      if (!worker.missing && zones.isShut(zone)) return { buried: false, left: 0 };
      if (worker.state !== "dead") {
        if (!worker.missing && worker.beat !== beat) return { buried: false, left: 0 };
        bury(zone, worker);
      }
      free(zone, worker, pick(ownedBy(zone, name), limit));
      return { buried: true, left: ownedBy(zone, name).length };
    },
  };
}
