import type { Clock } from "../domain/clock.js";

/** A worker that could not renew its lease for this long stops touching devices; a reaper waits longer than this. */
export const selfStopMs = 10_000;

/** What a session's write is refused with when the lease is over. */
export class LeaseLostError extends Error {
  override readonly name = "LeaseLostError";
}

/** The worker's own knowledge of how long it may go on. The device cannot check a fence, so this is asked before every write. */
export interface Lease {
  /** Notes a renewal. `sent` is when its call was sent, which is when the store may have begun to count. */
  renewed(sent: Instant): void;
  /** Throws LeaseLostError when the lease is over. */
  check(): void;
  /** Milliseconds until it is over unless renewed; negative when it is. */
  remainingMs(): number;
  /** It is over for good: no renewal counts any more. */
  end(): void;
}

/** A moment on both clocks. */
export interface Instant {
  readonly wall: number;
  readonly monotonic: number;
}

export function instantOf(clock: Clock): Instant {
  return { wall: clock.now(), monotonic: clock.monotonic() };
}

/**
 * The end of the lease is judged by the monotonic and by the wall clock, and the earlier wins: after the machine slept,
 * or was paused as a whole, one of them tells.
 */
export function createLease(clock: Clock): Lease {
  let since = instantOf(clock);
  let ended = false;
  function remainingMs(): number {
    return ended ? -Infinity : selfStopMs - Math.max(clock.monotonic() - since.monotonic, clock.now() - since.wall);
  }
  return {
    renewed(sent) {
      since = sent;
    },
    remainingMs,
    end() {
      ended = true;
    },
    check() {
      if (remainingMs() <= 0) throw new LeaseLostError("the worker's lease is over");
    },
  };
}
