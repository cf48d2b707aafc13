import type { Clock } from "../../domain/clock.js";
import type { CallObserver } from "./call-observer.js";

/** How the calls of the last minute or so went. */
export interface CallFigures {
  readonly calls: number;
  /** Those that ended with a fault of the service. */
  readonly faults: number;
  /** Of calls with one answer that was not to wait for anything, in milliseconds. */
  readonly meanMs: number;
  readonly longestMs: number;
}

/** Faults of the service: what is wrong with a request is none. */
const faultCodes = new Set(["internal", "unknown", "data_loss"]);
const windowMs = 60_000;

interface Window {
  readonly sinceMs: number;
  calls: number;
  faults: number;
  answered: number;
  sumMs: number;
  longestMs: number;
}

/** Counts calls, in a window of one to two minutes. */
export function countCalls(clock: Clock): CallObserver & { figures(): CallFigures } {
  const fresh = (): Window => ({
    ...{ sinceMs: clock.monotonic(), calls: 0, faults: 0, answered: 0, sumMs: 0, longestMs: 0 },
  });
  let now = fresh();
  let before = fresh();
  const turn = (): void => {
    if (clock.monotonic() - now.sinceMs < windowMs) return;
    before = clock.monotonic() - now.sinceMs < 2 * windowMs ? now : fresh();
    now = fresh();
  };
  return {
    began: ({ streaming }) => ({
      ended({ code, ms, waits = false }) {
        turn();
        now.calls++;
        if (faultCodes.has(code)) now.faults++;
        if (streaming || waits) return;
        now.answered++;
        now.sumMs += ms;
        now.longestMs = Math.max(now.longestMs, ms);
      },
    }),
    figures() {
      turn();
      const answered = now.answered + before.answered;
      return {
        calls: now.calls + before.calls,
        faults: now.faults + before.faults,
        meanMs: answered === 0 ? 0 : (now.sumMs + before.sumMs) / answered,
        longestMs: Math.max(now.longestMs, before.longestMs),
      };
    },
  };
}
