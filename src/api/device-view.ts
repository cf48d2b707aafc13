import { create } from "@bufbuild/protobuf";
import { durationFromMs, durationMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Device, DeviceSchema, HostKeyPolicy, LockScope } from "@pointsman/sdk/v1";
import { defaultPort, endpointKey } from "../domain/endpoint-key.js";
import type { DeviceRecord, DeviceStatusRecord } from "../store/store.js";
import { defaultZone } from "./job-surroundings.js";

/** A device as the store takes it. */
export type DeviceInput = Omit<DeviceRecord, "createMs" | "updateMs">;

/** A device as given, with defaults filled in. */
export function deviceInput(device: Device): DeviceInput {
  const port = device.port || defaultPort;
  return {
    name: device.name,
    address: device.address,
    port,
    platform: device.platform,
    credential: device.credential,
    zone: device.zone || defaultZone,
    ...(device.exclusiveKey !== "" && { exclusiveKey: device.exclusiveKey }),
    endpoint: endpointKey(device.address, port, device.exclusiveKey),
    labels: device.labels,
    ...policyOf(device.hostKeyPolicy),
    ...(device.connectTimeout && { connectTimeoutMs: durationMs(device.connectTimeout) }),
  };
}

/** A device as stored, for callers. */
export function deviceMessage(
  record: DeviceRecord,
  hostKeys: readonly string[],
  defaultPolicy: "strict" | "accept-new",
  status?: DeviceStatusRecord,
): Device {
  const policy = record.hostKeyPolicy ?? defaultPolicy;
  return create(DeviceSchema, {
    name: record.name,
    address: record.address,
    port: record.port,
    platform: record.platform,
    credential: record.credential,
    zone: record.zone,
    exclusiveKey: record.exclusiveKey ?? "",
    labels: { ...record.labels },
    hostKeyPolicy: policy === "strict" ? HostKeyPolicy.STRICT : HostKeyPolicy.ACCEPT_NEW,
    hostKeys: [...hostKeys],
    ...(record.connectTimeoutMs !== undefined && { connectTimeout: durationFromMs(record.connectTimeoutMs) }),
    createTime: timestampFromMs(record.createMs),
    updateTime: timestampFromMs(record.updateMs),
    endpoint: record.endpoint,
    ...(status && {
      status: {
        owner: status.owner ?? "",
        runningJob: status.runningJob ?? "",
        waitingReads: status.waitingReads,
        waitingChanges: status.waitingChanges,
        ...(status.hold && {
          hold: {
            ...{
              job: status.hold.job ?? "",
              worker: status.hold.worker ?? "",
              restored: status.hold.restored ?? false,
            },
            time: timestampFromMs(status.hold.timeMs),
          },
        }),
        ...(status.lock && {
          lock: {
            owner: status.lock.owner,
            scope: status.lock.scope === "ALL" ? LockScope.ALL : LockScope.CHANGES,
            reason: status.lock.reason,
            time: timestampFromMs(status.lock.timeMs),
            ...(status.lock.expireMs !== undefined && { expireTime: timestampFromMs(status.lock.expireMs) }),
          },
        }),
        paused: status.paused !== undefined,
        ...(status.lastFailure && {
          lastFailure: {
            reason: status.lastFailure.reason,
            message: status.lastFailure.message,
            time: timestampFromMs(status.lastFailure.timeMs),
            job: status.lastFailure.job,
          },
        }),
      },
    }),
  });
}

function policyOf(policy: HostKeyPolicy): { hostKeyPolicy?: "strict" | "accept-new" } {
  if (policy === HostKeyPolicy.STRICT) return { hostKeyPolicy: "strict" };
  return policy === HostKeyPolicy.ACCEPT_NEW ? { hostKeyPolicy: "accept-new" } : {};
}
