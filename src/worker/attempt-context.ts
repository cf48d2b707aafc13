import type { Session } from "../device/index.js";
import type { JobRecord } from "../domain/job.js";
import type { OutputWriter } from "./output-writer.js";
import type { ReachableEndpoint } from "./reach.js";

/** Why an attempt is told to stop. "kick": somebody closes its session. */
export type StopCause = "stop" | "cancel" | "kick" | "timeout" | "shutdown" | "lease";

/** What an executor works with. One attempt, one context. */
export interface WorkContext {
  readonly job: JobRecord;
  readonly writer: OutputWriter;
  /** Aborts when the attempt has to stop. */
  readonly signal: AbortSignal;
  /** Aborts when it has to stop soon: also what is under way is not waited for much longer. */
  readonly urgentSignal: AbortSignal;
  /** Aborts when there is no time left to wait for an answer: the lease or the attempt's own time is over, or it is cut. */
  readonly hardSignal: AbortSignal;
  /** What stops the attempt, once something does: the hardest cause so far. */
  stopCause(): StopCause | undefined;
  /**
   * The point of no return: resolves once it is recorded, in the store and in the journal. Rejects with AttemptEnded
   * when the attempt must not go on, with FrozenError when changes are not to start now, and with AttemptError when it was asked to stop meanwhile: then nothing may be sent.
   */
  intent(step: number): Promise<void>;
  /** Throws when the lease is over. */
  readonly beforeWrite: () => void;
  /** Calls back after `ms` unless the attempt has ended by then. */
  timer(ms: number, run: () => void): void;
}

/** The context of work on a device. */
export interface AttemptContext extends WorkContext {
  readonly endpoint: ReachableEndpoint;
  /**
   * A session from the pool, or a fresh one. It rejects a line that the command rules deny with AttemptError
   * COMMAND_DENIED, as they are when it is handed out. Rejects with DEVICE_IDENTITY_MISMATCH when the device does not say
   * it is the one that is expected. Gives up when the attempt has to stop, or by a `signal` of its own.
   */
  checkout(how: { readonly fresh: boolean; readonly signal?: AbortSignal }): Promise<Session>;
  /** Closes a session that was handed out, and is not used again. */
  discard(session: Session): void;
  /**
   * Throws COMMAND_DENIED when one of the lines must not be sent, by the rules of the last session that was handed out: so
   * that the first is not sent where the last would be denied.
   */
  permit(lines: readonly string[]): void;
}

/** The attempt ended before its point of no return, by a decision that is not a failure of the work. */
export class AttemptEnded extends Error {
  override readonly name = "AttemptEnded";
  readonly verdict: "CANCELLED" | "EXPIRED";
  constructor(verdict: "CANCELLED" | "EXPIRED") {
    super(verdict);
    this.verdict = verdict;
  }
}

/** A policy keeps changes from starting, since the attempt was begun. */
export class FrozenError extends Error {
  override readonly name = "FrozenError";
  readonly policy: string;
  constructor({ policy, untilMs }: { readonly policy: string; readonly untilMs?: number }) {
    const end = untilMs === undefined ? "" : ` until ${new Date(untilMs).toISOString()}`;
    super(`${policy} keeps changes from starting${end}`);
    this.policy = policy;
  }
}

/** What an executor did. */
export interface Executed {
  /** The encoded JobResult, without outputs. */
  readonly result: Uint8Array;
  /** The last step whose answer was seen. */
  readonly confirmedStep: number;
  /** The last step that may have been sent. */
  readonly intendedStep: number;
  /** How many steps there are: all confirmed and no error means done. */
  readonly steps: number;
  /** Whether anything that can change the device took effect, as far as the answers tell. */
  readonly changed: boolean;
  /** What ended it early. */
  readonly error?: unknown;
}
