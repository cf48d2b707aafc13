import type { LeaseStore, UpkeepStore } from "../../../src/store/store.js";
import { createModelControl, type ModelControl } from "./model-control.js";
import { createModelGate } from "./model-gate.js";
import { createModelJobs } from "./model-jobs.js";
import { createModelLeases } from "./model-leases.js";
import { createModelUpkeep, type PickDevices } from "./model-upkeep.js";
import { createZone, type ModelZone } from "./zone.js";

/** One zone without Redis, with the answers of the store: plain data and rules, no I/O, no clock of its own. */
export interface ModelStore extends ModelControl {
  readonly zone: ModelZone;
  readonly jobs: ReturnType<typeof createModelJobs>;
  readonly leases: ReturnType<typeof createModelLeases> & Pick<LeaseStore, "replay" | "settle" | "noted" | "replayed">;
  readonly upkeep: UpkeepStore;
}

/** `pick` decides which devices of a dead worker are freed first; by default those it met first. */
export function createModelStore(
  moment: () => number,
  pick: PickDevices = (endpoints, limit) => endpoints.slice(0, limit),
  identity: () => string = () => "one history",
): ModelStore {
  const zone = createZone("default", moment, identity);
  const { replay, settle, noted, replayed, reconcile, lift } = createModelGate(zone);
  return {
    zone,
    jobs: createModelJobs(zone),
    leases: { ...createModelLeases(zone), replay, settle, noted, replayed },
    upkeep: { ...createModelUpkeep(zone, pick), reconcile, lift },
    ...createModelControl(zone),
  };
}
