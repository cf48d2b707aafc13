import type { TargetRejection } from "../../domain/run.js";
import type { DeviceStatusRecord, Store } from "../../store/store.js";
import type { Surroundings } from "../jobs/job-surroundings.js";
import { type AskedTarget, deviceOf } from "./run-target.js";

/**
 * What keeps work from starting on targets that are not to wait, as far as it can be seen before there are jobs: pauses,
 * locks and holds of devices. In the order of the targets.
 */
export async function blockedTarget(
  { devices }: Pick<Store, "devices">,
  around: Surroundings,
  targets: readonly { readonly target: AskedTarget; readonly rejection?: TargetRejection | undefined }[],
): Promise<readonly (TargetRejection | undefined)[]> {
  return Promise.all(
    targets.map(async ({ target, rejection }) => {
      const device = around.devices.get(deviceOf(target) ?? "");
      return rejection || !device ? undefined : obstacle(await devices.status(device.zone, device.endpoint));
    }),
  );
}

function obstacle({ paused, lock, hold }: DeviceStatusRecord): TargetRejection | undefined {
  if (paused) return { reason: "QUEUE_PAUSED", message: "its device is paused" };
  if (lock?.scope === "ALL") return { reason: "DEVICE_LOCKED", message: `its device is locked by ${lock.owner}` };
  if (hold?.worker !== undefined)
    return { reason: "DEVICE_HELD", message: `its device is held for worker ${hold.worker}` };
  return undefined;
}
