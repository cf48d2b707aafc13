import type { StopCause } from "./attempt-context.js";

/** The harder the cause, the less time is left: a harder one may follow a softer one, never the other way round. */
const hardness: Readonly<Record<StopCause, number>> = {
  stop: 1,
  cancel: 2,
  kick: 3,
  shutdown: 4,
  timeout: 5,
  lease: 6,
};

/** What an attempt is told about stopping. */
export interface Stopping {
  /** Notes a cause, and words of whoever stopped changes; a softer one than that already known changes nothing. */
  stop(cause: StopCause, words?: string): void;
  /** There is no time left for an answer, whatever the cause; "shutdown" where there was none. */
  cut(): void;
  /** The hardest cause so far. */
  cause(): StopCause | undefined;
  /** What whoever stopped changes said. */
  words(): string | undefined;
  /** Somebody asked for the stop, whatever came on top of it. */
  isCancelled(): boolean;
  /** Aborts at the first cause. */
  readonly signal: AbortSignal;
  /** Aborts at the first cause that does not let what is under way take its time. */
  readonly urgentSignal: AbortSignal;
  /** Aborts when there is no time left to wait for an answer: the lease or the attempt's own time is over, or it is cut. */
  readonly hardSignal: AbortSignal;
}

export function createStopping(): Stopping {
  const soft = new AbortController();
  const urgent = new AbortController();
  const hard = new AbortController();
  let hardest: StopCause | undefined;
  let cancelled = false;
  let said: string | undefined;
  function stop(cause: StopCause, words?: string): void {
    said ??= words;
    cancelled ||= cause === "cancel";
    if (hardest !== undefined && hardness[cause] <= hardness[hardest]) return;
    hardest = cause;
    if (cause === "timeout" || cause === "lease") hard.abort(cause);
    if (cause !== "stop") urgent.abort(cause);
    soft.abort(cause);
  }
  return {
    stop,
    cut() {
      if (hardest !== "kick") stop("shutdown");
      hard.abort(hardest);
    },
    cause: () => hardest,
    words: () => said,
    isCancelled: () => cancelled,
    signal: soft.signal,
    urgentSignal: urgent.signal,
    hardSignal: hard.signal,
  };
}
