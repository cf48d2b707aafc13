import { setMaxListeners } from "node:events";

/** A signal of one call, tied to those of the caller and the client. */
export interface Link {
  readonly signal: AbortSignal;
  abort(reason?: unknown): void;
  /** Lets go of the outer signals, which may live much longer than the call. */
  release(): void;
}

/**
 * Ties a new signal to `outer`. AbortSignal.any would do, but its dependants pile up on a long-lived signal in
 * Node 20; and every call listens on the signal it is given, so that a shared one would warn at the eleventh.
 */
export function linkSignals(...outer: readonly (AbortSignal | undefined)[]): Link {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  const releases: (() => void)[] = [];
  for (const signal of outer) {
    if (signal === undefined) continue;
    if (signal.aborted) {
      controller.abort(signal.reason);
      continue;
    }
    const onAbort = (): void => controller.abort(signal.reason);
    setMaxListeners(0, signal);
    signal.addEventListener("abort", onAbort, { once: true });
    releases.push(() => signal.removeEventListener("abort", onAbort));
  }
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    release: () => {
      for (const release of releases) release();
    },
  };
}
