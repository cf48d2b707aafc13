/** A call that the store refuses. `reason` is one of the error registry. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly reason:
    | "REQUEST_ID_REUSED"
    | "JOB_NOT_FOUND"
    | "JOB_NOT_INDETERMINATE"
    | "JOB_ALREADY_RESOLVED"
    | "CONFIRM_TIMER_RUNNING"
    | "JOB_NOT_FINAL"
    | "JOB_NOT_RESOLVED"
    | "DUPLICATE_JOB"
    | "DEVICE_LOCKED"
    | "DEVICE_NOT_LOCKED"
    | "DEVICE_NOT_FOUND"
    | "DEVICE_EXISTS"
    | "ENDPOINT_TAKEN"
    | "DEVICE_HAS_LIVE_JOBS"
    | "CREDENTIAL_NOT_FOUND"
    | "CREDENTIAL_EXISTS"
    | "CREDENTIAL_IN_USE"
    | "RUN_NOT_FOUND"
    | "RUN_NOT_FINAL"
    | "SCHEDULE_NOT_FOUND"
    | "SCHEDULE_EXISTS"
    | "SCHEDULE_CHANGED"
    | "POLICY_EXISTS"
    | "POLICY_NOT_FOUND"
    | "TOO_MANY_POLICIES"
    | "WEBHOOK_EXISTS"
    | "WEBHOOK_NOT_FOUND"
    | "TOO_MANY_WEBHOOKS"
    | "HISTORY_GONE"
    | "STORE_UNAVAILABLE"
    | "STORE_RECONCILING"
    | "STORE_UNFIT"
    | "NOT_REPLICATED"
    | "STORE_FULL";
  readonly metadata: Readonly<Record<string, string>>;
  constructor(reason: StoreError["reason"], message: string, metadata: Readonly<Record<string, string>> = {}) {
    super(message);
    this.reason = reason;
    this.metadata = metadata;
  }
}
