import type { TaskType } from "../domain/task-type.js";

/** A type of task in one zone. */
export interface TaskTypeRecord extends TaskType {
  readonly zone: string;
  /** When it was loaded last. Milliseconds since the epoch, by the store's clock. */
  readonly loadMs: number;
  /** The workers that serve it. Empty: the last has gone within the last hour. */
  readonly workers: readonly string[];
}

/** Types of tasks that workers have loaded. One is known as long as a worker serves it, and for an hour after. */
export interface TaskTypeStore {
  /** Those of these names that are known in a zone. */
  find(zone: string, names: readonly string[]): Promise<readonly TaskType[]>;
  /** All of them, by name and zone. */
  list(zones?: readonly string[]): Promise<readonly TaskTypeRecord[]>;
}
