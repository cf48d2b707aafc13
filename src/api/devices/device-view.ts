import { create } from "@bufbuild/protobuf";
import { durationFromMs, durationMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Bastion, type Device, DeviceSchema, HostKeyPolicy, LockScope } from "@pointsman/sdk/v1";
import { defaultPort, endpointKey } from "../../domain/endpoint-key.js";
import type { BastionRecord, ContactStore, DeviceRecord, DeviceStatusRecord } from "../../store/store.js";
import { cryptoProfileMessage, cryptoProfileName } from "./crypto-profiles.js";
import { defaultZone } from "../../domain/work-place.js";

/** A device as the store takes it. */
export type DeviceInput = Omit<DeviceRecord, "createMs" | "updateMs">;

/** A device as given, with defaults filled in. */
export function deviceInput(device: Device): DeviceInput {
  const port = device.port || defaultPort;
  const bastions = device.bastions.map(bastionRecord);
  const cryptoProfile = cryptoProfileName(device.cryptoProfile);
  return {
    name: device.name,
    address: device.address,
    port,
    platform: device.platform,
    credential: device.credential,
    zone: device.zone || defaultZone,
    ...(device.exclusiveKey !== "" && { exclusiveKey: device.exclusiveKey }),
    endpoint: endpointKey({ address: device.address, port, bastions }, device.exclusiveKey),
    labels: device.labels,
    ...policyOf(device.hostKeyPolicy),
    ...(device.connectTimeout && { connectTimeoutMs: durationMs(device.connectTimeout) }),
    ...(bastions.length > 0 && { bastions }),
    ...(device.changeCredential !== "" && { changeCredential: device.changeCredential }),
    ...(cryptoProfile !== undefined && { cryptoProfile }),
    ...(device.maxSessions > 0 && { maxSessions: device.maxSessions }),
    ...expectOf(device),
    ...(device.connectsPerMinute > 0 && { connectsPerMinute: device.connectsPerMinute }),
  };
}

function expectOf({ expect: { hostName = "", serial = "" } = {} as never }: Device): Pick<DeviceRecord, "expect"> {
  if (hostName === "" && serial === "") return {};
  return { expect: { ...(hostName !== "" && { hostName }), ...(serial !== "" && { serial }) } };
}

function bastionRecord({ address, port, credential, hostKeys }: Bastion): BastionRecord {
  return { address, port: port || defaultPort, credential, hostKeys };
}

/** A device as stored, for callers. */
export function deviceMessage(
  record: DeviceRecord,
  hostKeys: readonly string[],
  defaultPolicy: "strict" | "accept-new",
  status?: DeviceStatusRecord & Awaited<ReturnType<ContactStore["look"]>>,
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
    bastions: (record.bastions ?? []).map((bastion) => ({ ...bastion, hostKeys: [...bastion.hostKeys] })),
    changeCredential: record.changeCredential ?? "",
    cryptoProfile: cryptoProfileMessage(record.cryptoProfile),
    maxSessions: record.maxSessions ?? 0,
    connectsPerMinute: record.connectsPerMinute ?? 0,
    ...(record.expect && { expect: record.expect }),
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
        cryptoProfile: cryptoProfileMessage(status.cryptoProfile),
        breakers: status.breakers.map(({ name, failures, openMs, tryMs, reason, message }) => ({
          // Which version of a credential it is about is no business of callers.
          ...{ name: name.replace(/^(credential\/[^/]+)\/.*$/, "$1"), failures, reason, message },
          ...{ openTime: timestampFromMs(openMs), tryTime: timestampFromMs(tryMs) },
        })),
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
