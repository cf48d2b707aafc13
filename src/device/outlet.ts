/** Hands text to a consumer in order, one call at a time, and holds the source back while the consumer is busy. */
export interface Outlet {
  push(text: string): void;
  isBusy(): boolean;
  /** Resolves when everything has been taken. Never rejects: failures go to `onFailure`. */
  drained(): Promise<void>;
}

/** `onFailure` is called once, with what the consumer threw; nothing is handed to it after that. */
export function createOutlet(
  consume: (text: string) => void | Promise<void>,
  source: { pause(): void; resume(): void },
  onFailure: (error: unknown) => void,
): Outlet {
  let waiting = "";
  let running: Promise<void> | undefined;
  let failed = false;

  const fail = (error: unknown): void => {
    if (failed) return;
    failed = true;
    waiting = "";
    onFailure(error);
  };
  const run = async (first: Promise<void>): Promise<void> => {
    source.pause();
    try {
      await first;
      while (waiting !== "" && !failed) {
        const text = waiting;
        waiting = "";
        await consume(text);
      }
    } catch (error) {
      fail(error);
    } finally {
      running = undefined;
      source.resume();
    }
  };
  return {
    push(text) {
      if (failed || text === "") return;
      if (running) {
        waiting += text;
        return;
      }
      try {
        const result = consume(text);
        if (result) running = run(result);
      } catch (error) {
        fail(error);
      }
    },
    isBusy: () => running !== undefined,
    drained: async () => {
      while (running) await running;
    },
  };
}
