import type { Clock } from "../domain/clock.js";

/** Remembers that there is news until someone looks: however many hints come meanwhile, they cost one bit. */
export interface DirtyFlag {
  /** There is news. */
  set(): void;
  /**
   * Resolves true as soon as there is news (at once when it came since the last look), false after `ms` milliseconds.
   * Rejects with the signal's reason when that aborts first.
   */
  wait(ms: number, signal: AbortSignal): Promise<boolean>;
}

/** A flag for one watcher. */
export function createDirtyFlag(clock: Clock): DirtyFlag {
  let dirty = false;
  let wake: (() => void) | undefined;
  return {
    set() {
      dirty = true;
      wake?.();
    },
    wait: (ms, signal) =>
      new Promise((done, failed) => {
        const finish = (): void => {
          cancel();
          signal.removeEventListener("abort", finish);
          wake = undefined;
          if (signal.aborted) {
            failed(signal.reason as Error);
            return;
          }
          const seen = dirty;
          dirty = false;
          done(seen);
        };
        const cancel = clock.timer(ms, finish);
        wake = finish;
        signal.addEventListener("abort", finish);
        if (dirty || signal.aborted) finish();
      }),
  };
}
