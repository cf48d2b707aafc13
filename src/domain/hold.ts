/** What keeps a device from taking changes: one of three things. */
export interface HoldReason {
  /** The job whose outcome is unknown. */
  readonly job?: string;
  /** The worker whose journal is missing. */
  readonly worker?: string;
  /** Old data came back, and what waited then may have been done since. */
  readonly restored?: true;
}

/** The name of the hold that is laid when old data comes back. */
export const restoreHold = "restore";
const worker = "worker/";

/** The name of the hold that is laid when this worker's journal is missing. */
export function workerHold(name: string): string {
  return worker + name;
}

/** Reads the name of a hold. */
export function holdReason(name: string): HoldReason {
  if (name === restoreHold) return { restored: true };
  return name.startsWith(worker) ? { worker: name.slice(worker.length) } : { job: name };
}
