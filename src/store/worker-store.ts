import type { WorkerControl } from "../domain/worker-control.js";
import type { BeatFigures, WorkerIdentity } from "./lease-store.js";

/** A worker in one zone, as its beat tells it. */
export interface WorkerRecord extends Omit<WorkerIdentity, "tasks">, Omit<BeatFigures, "closing" | "draining"> {
  readonly birthMs: number;
  readonly beatMs: number;
  /** Grows by one with each beat. */
  readonly beat: number;
  readonly state: "alive" | "draining" | "dead";
  /** When it was found dead, or had stopped. */
  readonly deadMs?: number;
  /** What it was told to do. */
  readonly control?: WorkerControl;
  /** Devices owned. */
  readonly devices: number;
}

/** A job that ran when its worker was told to stop. */
export interface RunningAttempt {
  readonly job: string;
  readonly attempt: number;
  readonly endpoint: string;
}

/** Workers as callers see them. */
export interface WorkerStore {
  list(zones?: readonly string[]): Promise<readonly WorkerRecord[]>;
  /** Endpoints that a worker owns, at most `limit`. */
  endpoints(zone: string, worker: string, limit: number): Promise<readonly string[]>;
  /** The worker that owns an endpoint. */
  ownerOf(zone: string, endpoint: string): Promise<string | undefined>;
  /**
   * Tells a worker what to do from now on; undefined: to go on. It takes nothing more at once, and hears of it with its
   * next beat at the latest. NONE: it is not there, or dead. STOPPING: a stop is not taken back. `running`: what ran
   * there in this very moment, when it is to stop.
   */
  control(
    zone: string,
    worker: string,
    control: WorkerControl | undefined,
  ): Promise<
    { readonly answer: "OK"; readonly running: readonly RunningAttempt[] } | { readonly answer: "NONE" | "STOPPING" }
  >;
}
