import type { Service } from "../domain/service.js";
import { everyZone, type Parts, watchMs } from "./every-zone.js";

/** Devices freed in one call. */
const chunk = 100;

/**
 * Opens the gates of zones whose Redis came back with another history, as soon as the journals of their workers are
 * told. A worker whose journal was waited for long enough is buried, and its devices take no change until it returns or
 * somebody says that it never will.
 */
export function createReconciler(parts: Parts): Service {
  const { store, logger } = parts;
  const said = new Map<string, string>();

  function say(zone: string, state: string, workers: readonly string[] = []): void {
    const what = [state, ...workers].join(" ");
    const before = said.get(zone);
    said.set(zone, what);
    if (before === what || (before === undefined && state === "OPEN")) return;
    if (state === "OPENED") logger.info({ zone }, "the zone is open");
    if (state === "HIDDEN") logger.error({ zone }, "Redis hides its run_id or master_replid: no change is accepted");
    if (state === "SHUT") logger.warn({ zone, workers }, "Redis has another history: the zone waits for journals");
    if (state === "LOST")
      logger.error({ zone, workers }, "journals are missing: the devices of their workers are held");
  }

  return everyZone(parts, "reconciling", async (zone) => {
    const gate = await store.upkeep.reconcile(zone);
    say(zone, gate.state, gate.state === "SHUT" || gate.state === "LOST" ? gate.missing : []);
    if (gate.state !== "LOST") return watchMs;
    for (const worker of gate.missing) {
      for (let left = 1; left > 0;) ({ left } = await store.upkeep.reap(zone, worker, 0, chunk));
    }
    return 0;
  });
}
