/**
 * The only source of time for everything that decides something by time. The real one is made in `main`; the
 * simulation and the tests hand in their own, so that an hour can pass in a millisecond and a failing seed replays.
 */
export interface Clock {
  /** Wall clock, milliseconds since the epoch. May jump; never used to judge a lease. */
  now(): number;
  /** Monotonic clock in milliseconds from an arbitrary origin. Never goes back. */
  monotonic(): number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `run` once after `ms` milliseconds, which may be less than one; the returned function cancels it. */
  timer(ms: number, run: () => void): () => void;
}

/** Randomness as a parameter, for the same reason. */
export interface Random {
  /** Uniform in [0, 1). */
  number(): number;
  /** `length` unpredictable bytes. */
  bytes(length: number): Uint8Array;
}
