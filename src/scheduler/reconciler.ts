import type { Service } from "../domain/service.js";
import type { GateState, Remembered } from "../store/store.js";
import { everyZone, type Parts, watchMs } from "./every-zone.js";

/** Devices freed in one call. */
const chunk = 100;

/** Between two steps while there is more to do. */
const nextStepMs = 10;

/**
 * Opens the gates of zones whose Redis came back with another history, as soon as the journals of their workers are
 * told. A worker whose journal was waited for long enough is buried, and the zone takes no change until it returns or
 * somebody says that it never will. What a Redis may have forgotten of workers altogether, this remembers.
 */
export function createReconciler(parts: Parts): Service {
  const { store, logger } = parts;
  const said = new Map<string, string>();
  const memory = new Map<string, Required<Remembered>>();

  function say(zone: string, gate: GateState): void {
    const workers = "missing" in gate ? gate.missing : "closed" in gate ? gate.closed : [];
    const what = [gate.state, ...workers].join(" ");
    const before = said.get(zone);
    said.set(zone, what);
    if (before === what || (before === undefined && what === "OPEN")) return;
    if (gate.state === "OPENED") logger.info({ zone }, "the zone is open");
    if (gate.state === "HIDDEN")
      logger.error({ zone }, "Redis hides its run_id or master_replid: no change is accepted");
    if (gate.state === "SHUT") logger.warn({ zone, workers }, "Redis has another history: the zone waits for journals");
    if (gate.state === "LOST") logger.error({ zone, workers }, "journals are missing: their workers are given up");
    if ("closed" in gate && workers.length > 0)
      logger.error({ zone, closed: workers }, "the zone takes no changes: journals are missing");
  }

  /** Asks with what is remembered, by name where Redis has another history than that. */
  async function ask(zone: string): Promise<GateState> {
    const known = memory.get(zone);
    const gate = await store.upkeep.reconcile(zone, known && { roster: known.roster });
    if (gate.state !== "ROSTER" || !known) return gate;
    return store.upkeep.reconcile(zone, known.workers.length > 0 ? known : { roster: "" });
  }

  return everyZone(parts, "reconciling", async (zone) => {
    const gate = await ask(zone);
    say(zone, gate);
    if ("roster" in gate && gate.workers) {
      memory.set(zone, { roster: gate.roster, workers: gate.workers });
      // At once: a new worker waits for having been seen.
      return nextStepMs;
    }
    if (gate.state !== "LOST") return watchMs;
    for (const worker of gate.missing) {
      for (let left = 1; left > 0;) ({ left } = await store.upkeep.reap(zone, worker, 0, chunk));
    }
    return 0;
  });
}
