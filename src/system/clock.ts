import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../domain/clock.js";

/** The machine's own clock. Timers do not keep the process alive: what must be awaited is awaited by its owner. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, signal ? { signal } : {}),
  timer: (ms, run) => {
    if (ms > 0 && ms < 1) return inTurns(ms, run);
    const timer = setTimeout(run, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Timers know no less than a millisecond: what is shorter is waited for from turn to turn of the event loop. */
function inTurns(ms: number, run: () => void): () => void {
  const end = performance.now() + ms;
  const wait = (): NodeJS.Immediate => setImmediate(() => (performance.now() < end ? (turn = wait()) : run()));
  let turn = wait();
  return () => clearImmediate(turn);
}
