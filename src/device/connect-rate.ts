import type { Clock } from "../domain/clock.js";
import { DeviceError } from "./device-error.js";

/** How often something may be done. */
export interface Rate {
  readonly perMinute: number;
  /** As many at once, where none came for a while. */
  readonly burst: number;
}

/** Spaces out connections to what takes only so many. */
export interface ConnectRates {
  /**
   * Resolves when it is this one's turn at all of the places. Rejects with CONNECT_RATE_LIMITED when that would take
   * longer than `mostMs`, and with CANCELLED on abort.
   */
  turn(places: readonly { readonly name: string; readonly rate: Rate }[], signal?: AbortSignal): Promise<void>;
}

/** Places that are remembered before those that are free again are forgotten. */
const remembered = 10_000;

/** Nothing was begun anywhere yet. */
export function createConnectRates(clock: Clock, mostMs: number): ConnectRates {
  /** When each place is back at rest: the time it takes to be allowed all that was begun there, one after the other. */
  const restedAt = new Map<string, number>();

  return {
    async turn(places, signal) {
      const now = clock.monotonic();
      if (restedAt.size > remembered) {
        for (const [name, at] of restedAt) if (at <= now) restedAt.delete(name);
      }
      const waits = places.map(({ name, rate }) => {
        const stepMs = 60_000 / rate.perMinute;
        const rested = Math.max(now, restedAt.get(name) ?? 0);
        return { name, next: rested + stepMs, waitMs: rested - stepMs * (rate.burst - 1) - now };
      });
      const longest = waits.reduce((most, one) => (one.waitMs > most.waitMs ? one : most), { name: "", waitMs: 0 });
      if (longest.waitMs > mostMs) {
        const seconds = Math.ceil(longest.waitMs / 1000);
        const message = `${longest.name} takes no more connections a minute; this one would wait ${seconds} s`;
        throw new DeviceError("CONNECT_RATE_LIMITED", message, { untried: true });
      }
      for (const { name, next } of waits) restedAt.set(name, next);
      if (longest.waitMs <= 0) return;
      await clock.sleep(longest.waitMs, signal).catch(() => {
        throw new DeviceError("CANCELLED", "cancelled while waiting to connect");
      });
    },
  };
}
