import { Code, ConnectError } from "@connectrpc/connect";
import { pause, pauseMs } from "./backoff.js";
import { throwIfClosed, type Connection } from "./call.js";
import { createPointsmanError, toPointsmanError, type PointsmanError } from "./errors.js";
import { ErrorInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import { linkSignals } from "./link.js";

/** What is known to whoever reads the stream: where to go on, and what an end means. */
export interface ResumableStream<T> {
  /** Opens the stream where the reader stands. Called again after every cut. */
  open(signal: AbortSignal): AsyncIterable<T>;
  /** Whether a clean end is the end; otherwise it counts as a cut. */
  ends(): boolean;
  /** Offered every error that is not a cut. True: the reader has moved to where `open` can go on. */
  recover?(error: PointsmanError): boolean;
}

/** How a stream is kept. */
export interface ResumeOptions {
  readonly signal?: AbortSignal | undefined;
  /** Silence in milliseconds that counts as a cut. Default: none does. */
  readonly idleMs?: number | undefined;
  /** Told of every cut before the pause, with the number of cuts in a row. */
  readonly onReconnect?: ((cuts: number, error: PointsmanError) => void) | undefined;
  /** Whether the service has answered before. One that never has is given up after a few attempts. */
  readonly answered?: boolean | undefined;
}

type Step<T> =
  | { readonly kind: "item"; readonly value: T }
  | { readonly kind: "end" }
  | { readonly kind: "cut"; readonly thrown: unknown };

/**
 * Reads a server stream and opens it again whenever it is cut. Leaving the loop ends the call on the server, which
 * the client's own iterable does not do. Silence is timed only while waiting for the server: a slow reader is not cut.
 */
export async function* resume<T>(
  connection: Connection,
  stream: ResumableStream<T>,
  { signal, idleMs, onReconnect, answered = false }: ResumeOptions,
): AsyncGenerator<T, void, undefined> {
  throwIfClosed(connection);
  const backoff = connection.backoff;
  let cuts = 0;
  let heard = answered;
  let cutSince = 0;
  for (;;) {
    const link = linkSignals(signal, connection.closed);
    let error: PointsmanError;
    try {
      if (link.signal.aborted) throw toPointsmanError(ConnectError.from(link.signal.reason, Code.Canceled), true);
      const iterator = stream.open(link.signal)[Symbol.asyncIterator]();
      for (;;) {
        const step = await nextStep(iterator, idleMs);
        if (step.kind === "item") {
          cuts = 0;
          heard = true;
          yield step.value;
          continue;
        }
        if (step.kind === "end") {
          if (stream.ends()) return;
          error = createPointsmanError("the stream ended early", { code: "unavailable" });
          break;
        }
        error = toPointsmanError(step.thrown, link.signal.aborted);
        if (link.signal.aborted || !(isCut(step.thrown, error) || stream.recover?.(error))) throw error;
        break;
      }
    } finally {
      link.abort();
      link.release();
    }
    if (++cuts === 1) cutSince = performance.now();
    const ms = pauseMs(backoff, cuts, error.retryAfterMs);
    const givenUp = heard ? performance.now() + ms - cutSince >= backoff.reconnectMs : cuts >= backoff.maxAttempts;
    if (givenUp) throw error;
    onReconnect?.(cuts, error);
    const waiting = linkSignals(signal, connection.closed);
    try {
      await pause(ms, waiting.signal);
    } catch (thrown) {
      throw toPointsmanError(thrown, true);
    } finally {
      waiting.release();
    }
  }
}

async function nextStep<T>(iterator: AsyncIterator<T>, idleMs: number | undefined): Promise<Step<T>> {
  const next = iterator.next().then(
    (result): Step<T> => (result.done ? { kind: "end" } : { kind: "item", value: result.value }),
    (thrown: unknown): Step<T> => ({ kind: "cut", thrown }),
  );
  if (idleMs === undefined) return await next;
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<Step<T>>((resolve) => {
    const thrown = new ConnectError(`nothing heard for ${idleMs} ms, not even a heartbeat`, Code.Unavailable);
    timer = setTimeout(() => resolve({ kind: "cut", thrown }), idleMs);
  });
  try {
    return await Promise.race([next, silence]);
  } finally {
    clearTimeout(timer);
  }
}

// What an HTTP/2 connection says of itself when it breaks. The service puts an ErrorInfo on every error of its own.
const connectionCodes: ReadonlySet<Code> = new Set([
  Code.Unavailable,
  Code.Canceled,
  Code.Aborted,
  Code.Internal,
  Code.Unknown,
  Code.DataLoss,
]);

function isCut(thrown: unknown, error: PointsmanError): boolean {
  if (error.code === "unavailable" || (error.code === "resource_exhausted" && error.retryAfterMs !== undefined))
    return true;
  const original = ConnectError.from(thrown);
  if (original.findDetails(ErrorInfoSchema).length > 0) return false;
  // Streams that break in the middle of a message show as a fault of the protocol, under "invalid_argument".
  return connectionCodes.has(original.code) || original.rawMessage.startsWith("protocol error:");
}
