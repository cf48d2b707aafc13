/** Lets a bounded number through at a time, in the order they came. */
export interface Turnstile {
  /** Resolves when it is this one's turn, with the function that ends it. Rejects with the signal's reason on abort. */
  enter(signal?: AbortSignal): Promise<() => void>;
}

/** At most `most` are inside at once. */
export function createTurnstile(most: number): Turnstile {
  let inside = 0;
  const waiting = new Set<() => void>();
  const leave = (): void => {
    inside--;
    const [next] = waiting;
    if (next) {
      waiting.delete(next);
      next();
    }
  };
  const pass = (): (() => void) => {
    inside++;
    let left = false;
    return () => {
      if (!left) leave();
      left = true;
    };
  };
  return {
    async enter(signal) {
      signal?.throwIfAborted();
      if (inside < most) return pass();
      return new Promise((resolve, reject) => {
        const go = (): void => {
          signal?.removeEventListener("abort", abort);
          resolve(pass());
        };
        const abort = (): void => {
          waiting.delete(go);
          reject(signal?.reason as Error);
        };
        waiting.add(go);
        signal?.addEventListener("abort", abort, { once: true });
      });
    },
  };
}
