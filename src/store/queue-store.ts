import type { PauseRecord } from "./device-store.js";

/** A line of work and what it holds. */
export interface QueueRecord {
  readonly zone: string;
  /** "device/<name>", or the name of a named queue. */
  readonly name: string;
  readonly waiting: number;
  readonly running: number;
  /** Acceptance of the oldest job that waits. */
  readonly oldestMs?: number;
  readonly paused?: PauseRecord;
  /** Jobs that may run at a time. */
  readonly limit?: number;
  /** Of a named queue: jobs accepted, and jobs that ended, a minute, over the last five to six. */
  readonly rates?: { readonly acceptedPerMinute: number; readonly endedPerMinute: number };
}

/** Lines of work, and limits on parallel work. All hold within a zone. */
export interface QueueStore {
  /** Pauses a device's own line, or a named queue; undefined resumes. */
  pause(target: QueueTarget, pause: PauseRecord | undefined): Promise<void>;
  get(target: QueueTarget): Promise<QueueRecord>;
  /** Named queues of a zone that have been used, by name. */
  named(zone: string): Promise<readonly string[]>;
  /** Limits of a zone by name: queue/<name>, caller/<name>, label/<key> (for each of its values). */
  limits(zone: string): Promise<ReadonlyMap<string, number>>;
  /** Sets a limit; undefined lifts it. */
  setLimit(zone: string, name: string, most: number | undefined): Promise<void>;
}

/** Which queue is meant. */
export type QueueTarget =
  | { readonly zone: string; readonly device: string; readonly endpoint: string }
  | { readonly zone: string; readonly queue: string };
