/** A worker in one zone, as its beat tells it. */
export interface WorkerRecord {
  readonly name: string;
  readonly zone: string;
  readonly pid: number;
  readonly hostname: string;
  readonly version: string;
  readonly birthMs: number;
  readonly beatMs: number;
  /** Grows by one with each beat. */
  readonly beat: number;
  readonly state: "alive" | "draining" | "dead";
  readonly capacity: number;
  readonly running: number;
  readonly sessions: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Devices owned. */
  readonly devices: number;
}

/** Workers as callers see them. */
export interface WorkerStore {
  list(zones?: readonly string[]): Promise<readonly WorkerRecord[]>;
  /** Endpoints that a worker owns, at most `limit`. */
  endpoints(zone: string, worker: string, limit: number): Promise<readonly string[]>;
}
