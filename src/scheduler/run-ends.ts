import type { Service } from "../domain/service.js";
import { defaultZone } from "../domain/work-place.js";
import type { RetentionRule, Store } from "../store/store.js";
import { everyZone, type Parts, watchMs } from "./every-zone.js";

/** How often ends are looked for in a zone. */
const lookMs = 200;
/** Ends taken at a time. */
const chunk = 500;

interface RunParts extends Parts {
  readonly store: Parts["store"] & Pick<Store, "runs">;
}

/** Brings the ends of jobs from their zones to their runs. Every server does it; an end that is brought twice counts once. */
export function createRunEnds(parts: RunParts): Service {
  return everyZone(parts, "bringing ends to runs", async (zone) =>
    (await parts.store.runs.drain(zone, chunk)) === chunk ? 0 : lookMs,
  );
}

/** Purges runs that have been kept long enough, as their jobs are. */
export function createRunRetention(parts: RunParts, rule: RetentionRule): Service {
  return everyZone(parts, "retention of runs", async (zone) =>
    // Runs are of no zone: the one that always exists stands for all.
    zone === defaultZone && (await parts.store.runs.retain(rule)) > 0 ? 0 : watchMs,
  );
}
