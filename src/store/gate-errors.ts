import { StoreError } from "./store-error.js";

/** The store came back with another history, and it is not known yet what it forgot. */
export function reconciling(zone: string): StoreError {
  return new StoreError("STORE_RECONCILING", `zone ${zone} is being reconciled with its workers' journals`, { zone });
}

/** The store cannot tell when it came back with another history. */
export function unfit(): StoreError {
  return new StoreError(
    "STORE_UNFIT",
    "Redis hides its run_id or master_replid, so no work runs on it that must not run twice",
  );
}
