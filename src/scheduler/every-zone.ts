import { setMaxListeners } from "node:events";
import type { Logger } from "pino";
import type { Clock } from "../domain/clock.js";
import { createLoop, type Service } from "../domain/service.js";
import { type Store, StoreError } from "../store/store.js";

/** Zones, and what is in them, are looked at this often. */
export const watchMs = 1_000;

/** What the loops of a server work with. */
export interface Parts {
  readonly store: Pick<Store, "upkeep" | "workers" | "zones">;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Looks after every zone, each at its own pace: one whose primary is away, or slow to answer, keeps no other waiting.
 * `visit` does a step and says after how many milliseconds the next is due.
 */
export function everyZone(parts: Parts, what: string, visit: (zone: string) => Promise<number>): Service {
  const { store, clock, logger } = parts;

  /** Whatever fails, the next try may find it mended; a loop that ended would be missed for ever. */
  async function survive<T>(zone: string | undefined, call: () => Promise<T>): Promise<T | undefined> {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof StoreError)) logger.error({ err: error, zone }, "%s failed once", what);
      return undefined;
    }
  }

  async function look(zone: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const nextMs = (await survive(zone, () => visit(zone))) ?? watchMs;
      await clock.sleep(Math.max(nextMs, 1), signal).catch(() => undefined);
    }
  }

  return createLoop(
    async (signal) => {
      // As many listen as there are zones.
      setMaxListeners(0, signal);
      const looking = new Map<string, Promise<void>>();
      while (!signal.aborted) {
        const zones = await survive(undefined, () => store.zones());
        for (const zone of zones?.keys() ?? []) if (!looking.has(zone)) looking.set(zone, look(zone, signal));
        await clock.sleep(watchMs, signal).catch(() => undefined);
      }
      await Promise.all(looking.values());
    },
    (error) => logger.error({ err: error }, "%s stopped", what),
  );
}
