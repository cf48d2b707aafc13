import type { Failure } from "../../../src/domain/job.js";
import * as zones from "./zone.js";

const lossesAllowed = 10;
/** What is said of an attempt that was lost with its worker. */
export const lost: Failure = { reason: "WORKER_LOST", message: "The worker was lost during the work." };

/** Writes the end of the present attempt. */
export function closeAttempt(zone: zones.ModelZone, job: zones.ModelJob, error: Failure | undefined): void {
  const attempt = job.attempts.at(-1);
  if (!attempt) return;
  attempt.endMs = zone.now();
  if (error) attempt.error = error;
}

/** Ends the attempt of a job whose worker is gone. `unsure`: its point of no return may be forgotten. */
export function lose(zone: zones.ModelZone, job: zones.ModelJob, unsure = false): void {
  closeAttempt(zone, job, lost);
  if (unsure && job.intentMs === undefined && job.spec.effectClass === "AT_MOST_ONCE") {
    Object.assign(job, { intentMs: zone.now(), intendedStep: 1 });
  }
  const doubtful = (unsure || job.intentMs !== undefined) && job.spec.effectClass === "AT_MOST_ONCE";
  const begun = job.state === "CANCELLING" && job.spec.effectClass === "IDEMPOTENT" && job.intendedStep > 0;
  const state = doubtful
    ? "INDETERMINATE"
    : begun
      ? "FAILED"
      : job.state === "CANCELLING"
        ? "CANCELLED"
        : job.losses >= lossesAllowed
          ? "FAILED"
          : "QUEUED";
  if (state === "QUEUED") {
    zones.giveBack(zone, job);
    job.state = state;
    job.queueMs = zone.now();
    zones.waitAgain(zone, job);
    job.refunds += 1;
    job.losses += 1;
    zones.holdAsZone(zone, job);
  } else {
    job.error = lost;
    if (doubtful) zones.hold(zone, job);
    else job.effect = begun ? "PARTIAL" : "NONE";
    zones.end(zone, job, state);
  }
  zones.record(zone, job, { kind: "state", state, error: lost });
}
