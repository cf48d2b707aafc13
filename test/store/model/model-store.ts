import { createModelControl, type ModelControl } from "./model-control.js";
import { createModelJobs } from "./model-jobs.js";
import { createModelLeases } from "./model-leases.js";
import { createModelUpkeep, type Pick } from "./model-upkeep.js";
import { createZone, type ModelZone } from "./zone.js";

/** One zone without Redis, with the answers of the store: plain data and rules, no I/O, no clock of its own. */
export interface ModelStore extends ModelControl {
  readonly zone: ModelZone;
  readonly jobs: ReturnType<typeof createModelJobs>;
  readonly leases: ReturnType<typeof createModelLeases>;
  readonly upkeep: ReturnType<typeof createModelUpkeep>;
}

/** `pick` decides which devices of a dead worker are freed first; by default those it met first. */
export function createModelStore(
  moment: () => number,
  pick: Pick = (endpoints, limit) => endpoints.slice(0, limit),
): ModelStore {
  const zone = createZone("default", moment);
  return {
    zone,
    jobs: createModelJobs(zone),
    leases: createModelLeases(zone),
    upkeep: createModelUpkeep(zone, pick),
    ...createModelControl(zone),
  };
}
