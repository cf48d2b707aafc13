import type { DescMethodUnary } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as Level } from "@bufbuild/protobuf/wkt";
import { type Transport } from "@connectrpc/connect";
import { pause, pauseMs, type Backoff } from "./backoff.js";
import { toPointsmanError } from "./errors.js";
import { linkSignals } from "./link.js";

/**
 * A transport that repeats a unary call that failed for now: one whose method is declared free of side effects or
 * idempotent, or whose request holds a request_id. Retried are a service that is unavailable, a connection that broke,
 * and a limit that names the time to come back; never past the deadline, which spans all attempts.
 */
export function createRetryingTransport(transport: Transport, backoff: Backoff): Transport {
  return {
    stream: transport.stream.bind(transport),
    async unary(method, signal, timeoutMs, header, input, contextValues) {
      const deadline = timeoutMs === undefined || timeoutMs <= 0 ? Infinity : performance.now() + timeoutMs;
      const headers = new Headers(header as ConstructorParameters<typeof Headers>[0]);
      for (let attempt = 1; ; attempt++) {
        const left = deadline - performance.now();
        try {
          return await transport.unary(
            method,
            signal,
            Number.isFinite(left) ? Math.max(1, Math.ceil(left)) : timeoutMs,
            headers,
            input,
            contextValues,
          );
        } catch (thrown) {
          const error = toPointsmanError(thrown, signal?.aborted);
          const transient =
            error.code === "unavailable" || (error.code === "resource_exhausted" && error.retryAfterMs !== undefined);
          if (!transient || attempt >= backoff.maxAttempts || !repeatable(method, input)) throw thrown;
          const ms = pauseMs(backoff, attempt, error.retryAfterMs);
          if (performance.now() + ms >= deadline) throw thrown;
          const link = linkSignals(signal);
          try {
            await pause(ms, link.signal);
          } finally {
            link.release();
          }
          headers.set("x-retry-attempt", String(attempt));
        }
      }
    },
  };
}

/** Whether doing the call twice does no more than doing it once. */
export function repeatable(method: DescMethodUnary, input: unknown): boolean {
  if (method.idempotency !== Level.IDEMPOTENCY_UNKNOWN) return true;
  return Boolean((input as { readonly requestId?: string }).requestId);
}
