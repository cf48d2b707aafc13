import type { Clock } from "../../src/domain/clock.js";

/** A clock that only a test moves. */
export interface HandClock extends Clock {
  /** Lets everything happen that needs no time. */
  turn(): Promise<void>;
  /** Lets `ms` milliseconds pass, timer by timer. */
  advance(ms: number): Promise<void>;
}

export function createHandClock(): HandClock {
  let now = 1_000_000;
  const timers = new Map<object, { readonly at: number; readonly run: () => void }>();
  const timer = (ms: number, run: () => void): (() => void) => {
    const id = {};
    timers.set(id, { at: now + ms, run });
    return () => void timers.delete(id);
  };
  const turn = async (): Promise<void> => {
    for (let i = 0; i < 30; i++) await new Promise<void>((done) => setImmediate(done));
  };
  return {
    now: () => now,
    monotonic: () => now,
    timer,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason as Error);
        const cancel = timer(ms, () => {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        });
        const onAbort = (): void => {
          cancel();
          reject(signal?.reason as Error);
        };
        signal?.addEventListener("abort", onAbort, { once: true });
      }),
    turn,
    async advance(ms) {
      for (const end = now + ms; ;) {
        await turn();
        const [first] = [...timers].sort(([, a], [, b]) => a.at - b.at);
        if (!first || first[1].at > end) {
          now = end;
          return turn();
        }
        timers.delete(first[0]);
        now = Math.max(now, first[1].at);
        first[1].run();
      }
    },
  };
}
