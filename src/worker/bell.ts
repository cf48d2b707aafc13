import type { Clock } from "../domain/clock.js";

/** Wakes a loop that waits. A ring that comes while nobody waits is kept for the next wait. */
export interface Bell {
  ring(): void;
  /** Forgets a ring that nobody waited for. */
  silence(): void;
  /** Resolves at a ring, when `signal` aborts, or after `ms` milliseconds. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

export function createBell(clock: Clock): Bell {
  let rung = false;
  let wake: () => void = () => undefined;
  return {
    ring() {
      rung = true;
      wake();
    },
    silence() {
      rung = false;
    },
    async wait(ms, signal) {
      if (!rung && !signal.aborted) {
        await new Promise<void>((resolve) => {
          const cancel = clock.timer(ms, () => wake());
          const wakeNow = (): void => wake();
          wake = () => {
            wake = () => undefined;
            cancel();
            signal.removeEventListener("abort", wakeNow);
            resolve();
          };
          signal.addEventListener("abort", wakeNow, { once: true });
        });
      }
      rung = false;
    },
  };
}
