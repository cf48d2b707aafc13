import type { Service } from "../domain/service.js";
import type { Store } from "../store/store.js";
import { everyZone, type Parts, watchMs } from "./every-zone.js";

/** Keeps every zone in line with the policies, and lets changes go on whose time has come. Every server does it. */
export function createPolicyKeeper(parts: Parts & { readonly store: Pick<Store, "policies"> }): Service {
  return everyZone(parts, "keeping policies", async (zone) => {
    await parts.store.policies.keep(zone);
    return watchMs;
  });
}
