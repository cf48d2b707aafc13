import type { ApiKeyStore } from "./api-key-store.js";
import type { ConditionStore } from "./condition-store.js";
import type { ContactStore } from "./contact-store.js";
import type { CredentialStore } from "./credential-store.js";
import type { DeviceStore } from "./device-store.js";
import type { FsckStore } from "./fsck.js";
import type { JobStore } from "./job-store.js";
import type { LeaseStore } from "./lease-store.js";
import type { PolicyStore } from "./policy-store.js";
import type { QueueStore } from "./queue-store.js";
import type { RunStore } from "./run-store.js";
import type { ScheduleStore } from "./schedule-store.js";
import type { TaskTypeStore } from "./task-type-store.js";
import type { UpkeepStore } from "./upkeep-store.js";
import type { WatchStore } from "./watch-store.js";
import type { WebhookStore } from "./webhook-store.js";
import type { WorkerStore } from "./worker-store.js";

export type * from "./api-key-store.js";
export type * from "./condition-store.js";
export type * from "./contact-store.js";
export type * from "./credential-store.js";
export type * from "./device-store.js";
export type * from "./job-store.js";
export type * from "./lease-store.js";
export type * from "./policy-store.js";
export type * from "./queue-store.js";
export type * from "./run-store.js";
export type * from "./schedule-store.js";
export type * from "./task-type-store.js";
export type * from "./upkeep-store.js";
export type * from "./watch-store.js";
export type * from "./webhook-store.js";
export type * from "./worker-store.js";
export { StoreError } from "./store-error.js";

/** Is told of every call of a script: its name, milliseconds it took, and the reason it failed for, if it did. */
export type StoreObserver = (script: string, ms: number, failure?: string) => void;

/** Everything the service keeps, in Redis. Nobody outside this folder knows a key or a script. */
export interface Store {
  readonly jobs: JobStore;
  readonly watches: WatchStore;
  readonly devices: DeviceStore;
  readonly queues: QueueStore;
  readonly runs: RunStore;
  readonly policies: PolicyStore;
  readonly credentials: CredentialStore;
  readonly apiKeys: ApiKeyStore;
  readonly workers: WorkerStore;
  readonly leases: LeaseStore;
  readonly schedules: ScheduleStore;
  readonly contacts: ContactStore;
  readonly taskTypes: TaskTypeStore;
  readonly webhooks: WebhookStore;
  readonly upkeep: UpkeepStore;
  readonly fsck: FsckStore;
  readonly condition: ConditionStore;
  /** The zones that exist, with their numbers. "default" always does. */
  zones(): Promise<ReadonlyMap<string, number>>;
  /** Makes a zone known and answers with its number. */
  ensureZone(name: string): Promise<number>;
  /** One round trip; milliseconds it took. */
  ping(): Promise<number>;
  close(): Promise<void>;
}
