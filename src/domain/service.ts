/**
 * Something that runs until it is told to stop: every background loop is one. Any order of calls is legal: stopping
 * what never started, starting twice, stopping twice.
 */
export interface Service {
  /** Resolves when it runs. */
  start(): Promise<void>;
  /** Resolves when nothing of it is left: no timer, no connection, no call under way. */
  stop(): Promise<void>;
}

/** Makes a service of a function that runs until its signal aborts. What it throws is handed to `failed`. */
export function createLoop(run: (signal: AbortSignal) => Promise<void>, failed: (error: unknown) => void): Service {
  let stopping: AbortController | undefined;
  let running: Promise<void> | undefined;
  return {
    start() {
      if (!running) {
        stopping = new AbortController();
        const { signal } = stopping;
        running = run(signal).catch((error: unknown) => {
          if (!signal.aborted) failed(error);
        });
      }
      return Promise.resolve();
    },
    async stop() {
      stopping?.abort();
      await running;
      running = undefined;
    },
  };
}
