import type { Service } from "../domain/service.js";
import type { RetentionRule } from "../store/store.js";
import { everyZone, type Parts, watchMs } from "./every-zone.js";

/** A worker is dead when its beat has not changed for this long while a reaper watched. */
export const leaseMs = 15_000;
/** Between two steps of retention while there is something to do. */
const retainPauseMs = 20;
/** Devices freed in one call. */
const reapChunk = 100;

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
  const sightings = new Map<string, { readonly zone: string; readonly beat: number; readonly since: number }>();
  return everyZone(parts, "reaping", async (zone) => {
    const { store, clock, logger } = parts;
    const workers = await store.workers.list([zone]);
    const names = new Set(workers.map(({ name }) => `${zone}/${name}`));
    for (const [name, seen] of sightings) if (seen.zone === zone && !names.has(name)) sightings.delete(name);
    for (const worker of workers) {
      const name = `${zone}/${worker.name}`;
      const before = sightings.get(name);
      if (worker.state === "dead" ? worker.devices === 0 : before?.beat !== worker.beat) {
        sightings.set(name, { zone, beat: worker.beat, since: clock.monotonic() });
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
