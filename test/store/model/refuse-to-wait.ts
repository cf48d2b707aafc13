import type { Failure, NewJob } from "../../../src/domain/job.js";
import * as zones from "./zone.js";

/** What keeps a job from starting beside its device's work. */
function obstacle(zone: zones.ModelZone, job: zones.ModelJob): Failure | undefined {
  const device = zones.deviceAt(zone, job.spec.endpoint);
  const { lock, endpoint } = device;
  const failure = (reason: string, what: string, metadata: Record<string, string>): Failure => ({
    ...{ reason, message: `The job was not to wait, and ${what}.`, metadata },
  });
  if (device.paused) return failure("QUEUE_PAUSED", "its device is paused", { endpoint });
  if (device.hold !== undefined && job.line === "changes") {
    const isJob = device.hold !== "restore" && !device.hold.startsWith("worker/");
    const metadata = isJob ? { job: device.hold } : { hold: device.hold };
    return failure("DEVICE_HELD", `its device is held for ${isJob ? "job " : ""}${device.hold}`, metadata);
  }
  if (lock && (lock.scope === "ALL" || job.line === "changes") && lock.owner !== job.spec.creator) {
    return failure("DEVICE_LOCKED", `its device is locked by ${lock.owner}`, { owner: lock.owner });
  }
  const freeze = zones.frozen(zone, endpoint, job.line);
  if (freeze) {
    const { policy } = freeze;
    return failure("CHANGES_FROZEN", `${policy} keeps changes from starting`, { policy });
  }
  const limit = zones.fullLimit(zone, job);
  if (limit === undefined) return undefined;
  return zones.ceiling(zone, limit) === 0
    ? failure("QUEUE_PAUSED", `${limit} is paused`, { limit })
    : failure("LIMIT_REACHED", `the limit of ${limit} is reached`, { limit });
}

/** Whether a job that is not to wait would, if it were accepted now. */
export function wouldWait(zone: zones.ModelZone, spec: NewJob): boolean {
  return spec.failIfBlocked === true && obstacle(zone, zones.bareJob(spec, 0, 0, 0)) !== undefined;
}

/** Ends a job that is not to wait, when something keeps it from starting. */
export function refuseToWait(zone: zones.ModelZone, job: zones.ModelJob): boolean {
  const failure = job.spec.failIfBlocked ? obstacle(zone, job) : undefined;
  if (failure === undefined) return false;
  job.error = failure;
  job.effect = "NONE";
  zones.end(zone, job, "FAILED");
  zones.record(zone, job, { kind: "state", state: "FAILED", error: failure });
  return true;
}
