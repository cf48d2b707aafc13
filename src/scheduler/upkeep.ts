import type { Logger } from "pino";
import type { Clock } from "../domain/clock.js";
import { createLoop, type Service } from "../domain/service.js";
import { type RetentionRule, type Store, StoreError } from "../store/store.js";

/** A worker is dead when its beat has not changed for this long while a reaper watched. */
export const leaseMs = 15_000;
/** Workers are looked at this often. */
const watchMs = 1_000;
/** Between two steps of retention while there is something to do. */
const retainPauseMs = 20;
/** Devices freed in one call. */
const reapChunk = 100;

interface Parts {
  readonly store: Pick<Store, "upkeep" | "workers" | "zones">;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A loop over all zones that survives a store that is away. */
function everyZone(parts: Parts, what: string, visit: (zone: string) => Promise<number>): Service {
  const { store, clock, logger } = parts;
  return createLoop(
    async (signal) => {
      while (!signal.aborted) {
        let nextMs = watchMs;
        try {
          for (const zone of (await store.zones()).keys()) nextMs = Math.min(nextMs, await visit(zone));
        } catch (error) {
          // Whatever it is, the next round may find it mended; a loop that ended would be missed for ever.
          if (!(error instanceof StoreError)) logger.error({ err: error }, "%s failed once", what);
        }
        await clock.sleep(Math.max(nextMs, 1), signal).catch(() => undefined);
      }
    },
    (error) => logger.error({ err: error }, "%s stopped", what),
  );
}

/** Starts what is due, expires what waited too long, hands on what its owner leaves lying. Every server does it. */
export function createDueLoop(parts: Parts): Service {
  return everyZone(parts, "starting due work", async (zone) => {
    const { worked, nextMs } = await parts.store.upkeep.tick(zone);
    return worked > 0 ? 0 : nextMs;
  });
}

/** Purges what has been kept long enough and trims outputs, in steps small enough not to be felt. */
export function createRetentionLoop(parts: Parts, rule: RetentionRule): Service {
  return everyZone(parts, "retention", async (zone) => {
    const worked = await parts.store.upkeep.retain(zone, rule);
    return worked > 0 ? retainPauseMs : watchMs;
  });
}

/**
 * Buries workers whose beat stands still. Each server judges by its own monotonic clock from what it saw itself, so
 * that no clock has to agree with another; the store takes the verdict only while the beat is still the one seen.
 */
export function createReaper(parts: Parts): Service {
  const seen = new Map<string, { readonly beat: number; readonly since: number }>();
  return everyZone(parts, "reaping", async (zone) => {
    const { store, clock, logger } = parts;
    for (const worker of await store.workers.list([zone])) {
      const name = `${zone}/${worker.name}`;
      const before = seen.get(name);
      if (worker.state === "dead" ? worker.devices === 0 : before?.beat !== worker.beat) {
        seen.set(name, { beat: worker.beat, since: clock.monotonic() });
        continue;
      }
      if (worker.state !== "dead" && before && clock.monotonic() - before.since < leaseMs) continue;
      const first = await store.upkeep.reap(zone, worker.name, worker.beat, reapChunk);
      if (!first.buried) continue;
      if (worker.state !== "dead")
        logger.warn({ zone, worker: worker.name }, "a worker is dead: its devices are freed");
      for (let { left } = first; left > 0;) {
        ({ left } = await store.upkeep.reap(zone, worker.name, worker.beat, reapChunk));
      }
    }
    return watchMs;
  });
}
