import type { WorkerControl } from "../domain/worker-control.js";
import type { BeatFigures, SessionFacts, SessionUse, WorkerIdentity } from "./lease-store.js";

/** A worker in one zone, as its beat tells it. */
export interface WorkerRecord extends Omit<WorkerIdentity, "tasks">, Omit<BeatFigures, "closing" | "draining"> {
  readonly birthMs: number;
  readonly beatMs: number;
  /** Grows with each beat, and is no other's, whatever data Redis loses. */
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

/** A session as its worker tells. */
export interface SessionRecord extends SessionFacts, SessionUse {
  /** The worker gives it to no other session. */
  readonly number: number;
}

/**
 * A session by its worker's number, and the place in line of its device. Without a number: whatever runs there, which may
 * still connect.
 */
export type SessionPlace = Pick<SessionRecord, "endpoint"> & Partial<Pick<SessionRecord, "number">>;

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
  /** The sessions of a worker in a zone, as of its last beat, in the order in which they were opened. */
  sessions(zone: string, worker: string): Promise<readonly SessionRecord[]>;
  /** Those among numbers of sessions that the worker still has, as of its last beat. */
  stillOpen(zone: string, worker: string, numbers: readonly number[]): Promise<readonly number[]>;
  /**
   * Tells a worker to close sessions, which it hears of with its next beat at the latest. "ask" tells it nothing, "idle"
   * refuses with BUSY where something runs on a device, "all" cuts what runs. `running`: what runs on the devices in this
   * very moment. NONE: the worker is not there, or dead.
   */
  closeSessions(
    zone: string,
    worker: string,
    how: "ask" | "idle" | "all",
    sessions: readonly SessionPlace[],
  ): Promise<
    { readonly answer: "OK" | "BUSY"; readonly running: readonly RunningAttempt[] } | { readonly answer: "NONE" }
  >;
}
