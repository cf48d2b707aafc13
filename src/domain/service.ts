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

/**
 * Makes a service of a function that runs until its signal aborts. What it throws is handed to `failed`. Of calls at the
 * same time the last one counts: a start while it stops begins anew once it has stopped.
 */
export function createLoop(run: (signal: AbortSignal) => Promise<void>, failed: (error: unknown) => void): Service {
  let running: { readonly stopping: AbortController; readonly over: Promise<void> } | undefined;
  let ending: Promise<void> | undefined;
  let again = false;

  function begin(): void {
    const stopping = new AbortController();
    const { signal } = stopping;
    const over = run(signal).catch((error: unknown) => {
      if (!signal.aborted) failed(error);
    });
    running = { stopping, over };
  }

  return {
    async start() {
      if (ending) {
        again = true;
        await ending;
      } else if (!running) {
        begin();
      }
    },
    async stop() {
      again = false;
      running?.stopping.abort();
      ending ??= running?.over.then(() => {
        running = undefined;
        ending = undefined;
        if (again) begin();
        again = false;
      });
      await ending;
    },
  };
}

/**
 * Makes a service of something that is put up as a whole, and taken down as a whole by what `putUp` gives. Of calls at the
 * same time the last one counts, and no two steps run at once. A start whose `putUp` fails rejects; nothing is up then.
 */
export function createSwitch(putUp: () => Promise<() => Promise<void>>): Service {
  let wanted = false;
  let takeDown: (() => Promise<void>) | undefined;
  let failure: { readonly error: unknown } | undefined;
  let work: Promise<void> | undefined;

  async function settle(): Promise<void> {
    try {
      while (wanted !== (takeDown !== undefined)) {
        if (takeDown) {
          const down = takeDown;
          takeDown = undefined;
          await down();
          continue;
        }
        try {
          failure = undefined;
          takeDown = await putUp();
        } catch (error) {
          failure = { error };
          wanted = false;
        }
      }
    } finally {
      work = undefined;
    }
  }

  async function run(): Promise<void> {
    if (!work && wanted !== (takeDown !== undefined)) work = settle();
    await work;
  }

  return {
    async start() {
      wanted = true;
      await run();
      if (failure) throw failure.error;
    },
    async stop() {
      wanted = false;
      await run();
    },
  };
}
