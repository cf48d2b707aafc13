import type { CallOptions as ConnectCallOptions, Transport } from "@connectrpc/connect";
import type { Backoff } from "./backoff.js";
import { createPointsmanError, toPointsmanError } from "./errors.js";
import { linkSignals } from "./link.js";

/** What a single call can be given. */
export interface CallOptions {
  /** Ends the call; it then rejects with a PointsmanError of code "canceled". */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for the call with all its retries. Default: the client's `timeoutMs`. */
  readonly timeoutMs?: number | undefined;
  /** Headers beside those of the client. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** What the parts of a client share. */
export interface Connection {
  readonly transport: Transport;
  readonly backoff: Backoff;
  /** Milliseconds that a unary call may take unless it says otherwise. */
  readonly timeoutMs: number;
  /** Sent with every call. */
  readonly headers: Readonly<Record<string, string>>;
  /** Aborts when the client is closed. */
  readonly closed: AbortSignal;
}

/** The longest deadline that gRPC can tell in milliseconds, more than a day; Infinity none of the protocols can tell. */
const longestCallMs = 99_999_999;

/** Runs one unary call: joins headers, signals and deadline, and throws PointsmanErrors alone. */
export async function callUnary<T>(
  connection: Connection,
  options: CallOptions,
  run: (options: ConnectCallOptions) => Promise<T>,
): Promise<T> {
  throwIfClosed(connection);
  const link = linkSignals(options.signal, connection.closed);
  try {
    return await run({
      signal: link.signal,
      timeoutMs: Math.min(options.timeoutMs ?? connection.timeoutMs, longestCallMs),
      headers: { ...connection.headers, ...options.headers },
    });
  } catch (thrown) {
    throw toPointsmanError(thrown, link.signal.aborted);
  } finally {
    link.release();
  }
}

/** Throws when the client was closed. */
export function throwIfClosed(connection: Connection): void {
  if (connection.closed.aborted) throw createPointsmanError("the client is closed", { code: "canceled" });
}
