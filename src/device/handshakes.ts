import type { Clock } from "../domain/clock.js";
import { createTurnstile, type Turnstile } from "../domain/turnstile.js";

/** How many connections are set up at once to begin with, and how many more each time that the event loop was on time. */
const first = 32;
const more = 8;
/** How often it is looked at while somebody waits. */
const lookMs = 100;
/** The event loop is on time up to this, in milliseconds, and has no time for a second handshake beyond that. */
const late = { slightlyMs: 20, muchMs: 200 };

export interface HandshakeOptions {
  readonly clock: Clock;
  /** Most that are set up at once. Default 256. */
  readonly most?: number | undefined;
  /** How late the event loop is at its 99th percentile, in milliseconds. Default: never. */
  readonly loopP99Ms?: (() => number) | undefined;
}

/**
 * Lets connections be set up as the event loop has time for them. Most of a handshake is waiting for the device, so that
 * a bound that never moves keeps near devices waiting for far ones, and all of them for those that do not answer; but a
 * handshake also takes milliseconds of this process, which hundreds that begin together take from all sessions.
 */
export function createHandshakes({
  clock,
  most = 256,
  loopP99Ms = () => 0,
}: HandshakeOptions): Pick<Turnstile, "enter"> {
  const least = Math.min(first, most);
  let room = least;
  let looking = false;
  const turnstile = createTurnstile(room);

  const fit = (wish: number): void => {
    const lateMs = loopP99Ms();
    room = lateMs > late.muchMs ? 1 : lateMs > late.slightlyMs ? least : Math.min(most, wish);
    turnstile.resize(room);
  };

  const look = (): void => {
    looking = turnstile.waiting > 0;
    fit(looking ? Math.max(room, least) + more : least);
    if (looking) clock.timer(lookMs, look);
  };

  return {
    enter(signal) {
      fit(Math.max(room, least));
      const entered = turnstile.enter(signal);
      if (turnstile.waiting > 0 && !looking) {
        looking = true;
        clock.timer(lookMs, look);
      }
      return entered;
    },
  };
}
