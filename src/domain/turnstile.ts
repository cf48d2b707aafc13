/** Lets a bounded number through at a time, in the order they came. */
export interface Turnstile {
  /** Resolves when it is this one's turn, with the function that ends it. Rejects with the signal's reason on abort. */
  enter(signal?: AbortSignal): Promise<() => void>;
  /** From now on so many may be inside; nobody who is has to leave. */
  resize(most: number): void;
  /** How many wait for their turn. */
  readonly waiting: number;
}

/** At most `most` are inside at once. */
export function createTurnstile(most: number): Turnstile {
  let room = most;
  let inside = 0;
  const waiting = new Set<() => void>();
  const admit = (): void => {
    for (const next of waiting) {
      if (inside >= room) return;
      waiting.delete(next);
      next();
    }
  };
  const pass = (): (() => void) => {
    inside++;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      inside--;
      admit();
    };
  };
  return {
    async enter(signal) {
      signal?.throwIfAborted();
      if (inside < room) return pass();
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
    resize(next) {
      room = next;
      admit();
    },
    get waiting() {
      return waiting.size;
    },
  };
}
