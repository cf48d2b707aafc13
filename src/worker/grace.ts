import type { AttemptContext } from "./attempt-context.js";

/** How long a change that is under way may still take after it was asked to stop, before it is interrupted. */
const graceMs = 5_000;

/**
 * A change that is under way when its attempt has to stop is first given the time to be answered: an answer that was
 * seen leaves no doubt. Losing the lease gives no time.
 */
export function afterGrace(context: Pick<AttemptContext, "signal" | "stopCause" | "timer">): AbortSignal {
  const interrupt = new AbortController();
  const begin = (): void => {
    if (context.stopCause() === "cancel" || context.stopCause() === "shutdown") {
      context.timer(graceMs, () => interrupt.abort(context.signal.reason));
    } else {
      interrupt.abort(context.signal.reason);
    }
  };
  if (context.signal.aborted) begin();
  else context.signal.addEventListener("abort", begin, { once: true });
  return interrupt.signal;
}

/** Aborts when there is no time left to wait for an answer: the lease or the attempt's own time is over. */
export function untilLost(context: Pick<AttemptContext, "signal" | "stopCause">): AbortSignal {
  const interrupt = new AbortController();
  const look = (): void => {
    const cause = context.stopCause();
    if (cause === "lease" || cause === "timeout") interrupt.abort(context.signal.reason);
  };
  if (context.signal.aborted) look();
  else context.signal.addEventListener("abort", look, { once: true });
  return interrupt.signal;
}
