import type { Clock } from "../domain/clock.js";

/** How long something is still waited for. It only becomes shorter. */
export interface Patience {
  /** Ends in `ms` milliseconds at the latest. */
  limit(ms: number): void;
  /** Resolves when it has ended. */
  readonly over: Promise<void>;
  /** Forgets the timer: there is nothing to wait for any more. */
  release(): void;
}

export function createPatience(clock: Clock): Patience {
  let end: () => void = () => undefined;
  const over = new Promise<void>((resolve) => (end = resolve));
  let until = Infinity;
  let cancel: (() => void) | undefined;
  return {
    over,
    limit(ms) {
      const at = clock.monotonic() + ms;
      if (at >= until) return;
      until = at;
      cancel?.();
      cancel = clock.timer(ms, end);
    },
    release: () => cancel?.(),
  };
}
