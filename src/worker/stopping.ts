import type { StopCause } from "./attempt-context.js";

/** The harder the cause, the less time is left: a harder one may follow a softer one, never the other way round. */
const hardness: Readonly<Record<StopCause, number>> = { cancel: 1, shutdown: 2, timeout: 3, lease: 4 };

/** What an attempt is told about stopping. */
export interface Stopping {
  /** Notes a cause; a softer one than that already known changes nothing. */
  stop(cause: StopCause): void;
  /** There is no time left for an answer, whatever the cause; "shutdown" where there was none. */
  cut(): void;
  /** The hardest cause so far. */
  cause(): StopCause | undefined;
  /** Somebody asked for the stop, whatever came on top of it. */
  readonly cancelled: boolean;
  /** Aborts at the first cause. */
  readonly signal: AbortSignal;
  /** Aborts when there is no time left to wait for an answer: the lease or the attempt's own time is over, or it is cut. */
  readonly hardSignal: AbortSignal;
}

export function createStopping(): Stopping {
  const soft = new AbortController();
  const hard = new AbortController();
  let hardest: StopCause | undefined;
  let cancelled = false;
  function stop(cause: StopCause): void {
    cancelled ||= cause === "cancel";
    if (hardest !== undefined && hardness[cause] <= hardness[hardest]) return;
    hardest = cause;
    if (cause === "timeout" || cause === "lease") hard.abort(cause);
    soft.abort(cause);
  }
  return {
    stop,
    cut() {
      stop("shutdown");
      hard.abort(hardest);
    },
    cause: () => hardest,
    get cancelled() {
      return cancelled;
    },
    signal: soft.signal,
    hardSignal: hard.signal,
  };
}
