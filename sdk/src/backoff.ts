import { setTimeout as delay } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";

/** How calls are tried again. */
export interface RetryOptions {
  /** Attempts in all, the first included. Default 4. */
  readonly maxAttempts?: number | undefined;
  /** Upper bound of the first pause in milliseconds; it doubles with every attempt. Default 200. */
  readonly initialMs?: number | undefined;
  /** The bound stops doubling here, in milliseconds. Default 5,000. */
  readonly maxMs?: number | undefined;
  /** A watch that has been cut is given up after this many milliseconds without an answer. Default 300,000. */
  readonly reconnectMs?: number | undefined;
}

/** RetryOptions with nothing left open. */
export interface Backoff {
  readonly maxAttempts: number;
  readonly initialMs: number;
  readonly maxMs: number;
  readonly reconnectMs: number;
}

/** Fills in the defaults; `false` means a single attempt, also for watches. */
export function createBackoff(options: RetryOptions | false = {}): Backoff {
  if (options === false) return { maxAttempts: 1, initialMs: 0, maxMs: 0, reconnectMs: 0 };
  return {
    maxAttempts: Math.max(1, options.maxAttempts ?? 4),
    initialMs: options.initialMs ?? 200,
    maxMs: options.maxMs ?? 5_000,
    reconnectMs: options.reconnectMs ?? 300_000,
  };
}

/** The pause in milliseconds before attempt `attempt` + 1: what the service asked for, else drawn below the bound. */
export function pauseMs(backoff: Backoff, attempt: number, retryAfterMs?: number): number {
  const bound = Math.min(backoff.maxMs, backoff.initialMs * 2 ** (attempt - 1));
  // Some of those who were sent away together come back together, if they are all given the same moment.
  if (retryAfterMs !== undefined) return retryAfterMs + Math.random() * Math.min(bound, retryAfterMs / 4);
  return Math.random() * bound;
}

/** Waits; rejects as a call that was ended does when the signal aborts first, whatever its reason. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch((error: unknown) => {
    throw ConnectError.from(signal.aborted ? signal.reason : error, Code.Canceled);
  });
}
