import type { AttemptContext } from "./attempt-context.js";

/** How long a change that is under way may still take after it was asked to stop, before it is interrupted. */
const graceMs = 5_000;

/**
 * A change that is under way when its attempt has to stop is first given the time to be answered: an answer that was
 * seen leaves no doubt. Where changes are only stopped, it is given all the time it has. Losing the lease, or the
 * attempt's own time, ends the waiting at once. To be made once for an attempt: each call listens to the attempt's
 * signals until its end.
 */
export function afterGrace(context: Pick<AttemptContext, "urgentSignal" | "hardSignal" | "timer">): AbortSignal {
  const { urgentSignal: signal, hardSignal, timer } = context;
  const interrupt = new AbortController();
  const now = (): void => interrupt.abort(hardSignal.reason);
  const begin = (): void => timer(graceMs, () => interrupt.abort(signal.reason));
  if (hardSignal.aborted) now();
  else hardSignal.addEventListener("abort", now, { once: true });
  if (signal.aborted) begin();
  else signal.addEventListener("abort", begin, { once: true });
  return interrupt.signal;
}
