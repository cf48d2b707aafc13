import { holdReason } from "../domain/hold.js";
import { StoreError } from "./store-error.js";

/**
 * The store came back with another history, and it is not known yet what it forgot. `closed`: what the zone takes no
 * change for although everything else goes on.
 */
export function reconciling(zone: string, closed: readonly string[] = []): StoreError {
  const workers = closed.flatMap((name) => holdReason(name).worker ?? []);
  if (workers.length === 0) {
    return new StoreError("STORE_RECONCILING", `zone ${zone} is being reconciled with its workers' journals`, { zone });
  }
  const names = workers.join(", ");
  const message = `zone ${zone} takes no changes: Redis lost data, and the journal of ${names} is missing; bring it back, or say that it is gone for good (ForgetWorker)`;
  return new StoreError("STORE_RECONCILING", message, { zone, workers: names });
}

/**
 * The store is no place for work that must not run twice. Without a reason: it cannot tell when it came back with
 * another history.
 */
export function unfit(why = "it hides its run_id or master_replid"): StoreError {
  return new StoreError("STORE_UNFIT", `Redis takes no work that must not run twice: ${why}`);
}

/** Replicas that were to know of it did not say so in time. Whether it is known to them is not known. */
export function notReplicated(why: string): StoreError {
  return new StoreError("NOT_REPLICATED", `it may not be known to enough replicas of Redis: ${why}`);
}

/** Memory is kept for work that was accepted before. */
export function full(): StoreError {
  return new StoreError(
    "STORE_FULL",
    "Redis has used 80 % of its maxmemory: no new work is accepted before some is free; shorten retention or give it more",
  );
}
