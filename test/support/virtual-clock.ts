import type { Clock } from "../../src/domain/clock.js";

/** A clock that stands still while anything happens and jumps to the next timer when nothing does. */
export interface VirtualClock extends Clock {
  /** Ends the watching for quiet; call it when the test is done. */
  stop(): void;
}

/** `isQuiet` says that no input is on its way; only then, and after three turns of the event loop, does time pass. */
export function createVirtualClock(isQuiet: () => boolean = () => true): VirtualClock {
  let now = 0;
  let stopped = false;
  let turns = 0;
  let next = 0;
  const timers = new Map<number, { readonly at: number; readonly run: () => void }>();
  const watch = (): void => {
    if (stopped) return;
    turns = isQuiet() ? turns + 1 : 0;
    const [first] = [...timers].sort(([, a], [, b]) => a.at - b.at);
    if (turns > 3 && first) {
      turns = 0;
      timers.delete(first[0]);
      now = Math.max(now, first[1].at);
      first[1].run();
    }
    setImmediate(watch);
  };
  setImmediate(watch);
  const timer = (ms: number, run: () => void): (() => void) => {
    const id = next++;
    timers.set(id, { at: now + ms, run });
    return () => void timers.delete(id);
  };
  return {
    now: () => now,
    monotonic: () => now,
    timer,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const cancel = timer(ms, resolve);
        signal?.addEventListener("abort", () => {
          cancel();
          reject(signal.reason as Error);
        });
      }),
    stop: () => void (stopped = true),
  };
}
