import { clearField, clone, create, type MessageInitShape } from "@bufbuild/protobuf";
import { FieldMaskSchema } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { itemError, noResult, present } from "./answer.js";
import { callUnary, type CallOptions, type Connection } from "./call.js";
import { cryptoProfiles, type CryptoProfileName } from "./crypto-profile.js";
import type { PointsmanError } from "./errors.js";
import type { IdentityInput } from "./job-target.js";
import { createPagedList, type ListOptions, type PagedList } from "./page.js";
import {
  DeviceFilterSchema,
  DeviceSchema,
  DeviceService,
  HostKeyPolicy,
  LockScope,
  type Device,
  type Platform,
} from "./v1.js";
import { optionalDuration } from "./time.js";

/** What a caller can say of a device. */
export interface DeviceFields {
  /** Host name or IP address. */
  readonly address: string;
  /** Default 22. */
  readonly port?: number | undefined;
  /** Name of a platform, such as "cisco_ios". */
  readonly platform: string;
  /** Name of the credential to log in with. */
  readonly credential: string;
  /** Default "default". */
  readonly zone?: string | undefined;
  /** Keys exclusivity by this instead of by address and port. */
  readonly exclusiveKey?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** How an unknown host key is met. Default: the installation's. */
  readonly hostKeyPolicy?: "default" | "strict" | "accept-new" | undefined;
  /** Known host keys, as "ssh-ed25519 AAAA…". */
  readonly hostKeys?: readonly string[] | undefined;
  /** Time to connect and log in, in milliseconds. Default 10,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** Hosts that the connection goes through, in order, the first being reached directly. Default: none. */
  readonly bastions?: readonly BastionInput[] | undefined;
  /** Name of the credential that work which can change the device logs in with. Default: `credential`. */
  readonly changeCredential?: string | undefined;
  /** How old the algorithms of its connection may be. Default "auto". */
  readonly cryptoProfile?: CryptoProfileName | undefined;
  /** Sessions that a worker has on it at a time. Default, also of 0: the platform's. */
  readonly maxSessions?: number | undefined;
  /** Connections begun in a minute. Default, also of 0: the platform's. */
  readonly connectsPerMinute?: number | undefined;
  /** Who it says it is, asked before the first line of work that can change it. Default: not asked. */
  readonly expect?: IdentityInput | undefined;
}

/** A host on the way to a device. */
export interface BastionInput {
  /** Host name or IP address, as seen from the host before it. */
  readonly address: string;
  /** Default 22. */
  readonly port?: number | undefined;
  /** Name of the credential to log in to it with. */
  readonly credential: string;
  /** Known host keys, as "ssh-ed25519 AAAA…". Default: those already known for it. */
  readonly hostKeys?: readonly string[] | undefined;
}

/** A device to add. */
export interface DeviceInput extends DeviceFields {
  readonly name: string;
}

/** What became of one of many: a device, or why it was refused. */
export type CreateDevicesResult =
  | { readonly device: Device; readonly error?: undefined }
  | { readonly error: PointsmanError; readonly device?: undefined };

/** How a device is locked. */
export interface LockInput {
  /** What others cannot start: work that can change the device, or all work. Default "changes". */
  readonly scope?: "changes" | "all" | undefined;
  /** Why, for those who meet the lock. */
  readonly reason: string;
  /** Milliseconds until it runs out. Default: until it is unlocked. */
  readonly forMs?: number | undefined;
}

/** Which devices are meant: fields are joined by AND, the values of a field by OR. */
export type DeviceFilterInit = MessageInitShape<typeof DeviceFilterSchema>;

/** Keeps the inventory. A device is taken as DeviceInput or as the contract's own message. */
export interface Devices {
  create(device: DeviceInput | Device, options?: CallOptions): Promise<Device>;
  /** Adds many, 1,000 a call; results in the same order. */
  createMany(devices: readonly (DeviceInput | Device)[], options?: CallOptions): Promise<CreateDevicesResult[]>;
  /** One device, with who holds it and what waits. */
  get(name: string, options?: CallOptions): Promise<Device>;
  /** Devices by name, without their status. */
  list(filter?: DeviceFilterInit, options?: CallOptions & ListOptions): PagedList<Device>;
  /** Changes the fields that are given, and only those; undefined sets a field back to its default. */
  update(name: string, changes: Partial<DeviceFields>, options?: CallOptions): Promise<Device>;
  /** Removes a device that has no live jobs. */
  delete(name: string, options?: CallOptions): Promise<void>;
  /** Accepts a host key, "ssh-ed25519 AAAA…", in place of all those known before. */
  acceptHostKey(name: string, hostKey: string, options?: CallOptions): Promise<Device>;
  /** Keeps others' work from starting, until it is unlocked or the lock runs out. What runs goes on. */
  lock(name: string, lock: LockInput, options?: CallOptions): Promise<Device>;
  /** Closes the breakers of a device, its bastions and its credentials, so that what waits tries again; gives how many there were. */
  resetBreaker(name: string, options?: CallOptions): Promise<number>;
  /** Takes a lock away: one's own, or with `force`, as an admin, anybody's. */
  unlock(name: string, options?: CallOptions & { readonly force?: boolean | undefined }): Promise<Device>;
  /** The platforms that can be driven, by name. */
  platforms(options?: CallOptions): Promise<Platform[]>;
}

const batchSize = 1000;

/** Makes the devices' part of a client. */
export function createDevices(connection: Connection): Devices {
  const client = createClient(DeviceService, connection.transport);
  const get: Devices["get"] = async (name, options = {}) =>
    present((await callUnary(connection, options, (call) => client.getDevice({ name }, call))).device);

  return {
    get,
    async create(device, options = {}) {
      const request = { device: deviceMessage(device) };
      return present((await callUnary(connection, options, (call) => client.createDevice(request, call))).device);
    },
    async createMany(devices, options = {}) {
      const results: CreateDevicesResult[] = [];
      for (let from = 0; from < devices.length; from += batchSize) {
        const request = { devices: devices.slice(from, from + batchSize).map(deviceMessage) };
        const response = await callUnary(connection, options, (call) => client.batchCreateDevices(request, call));
        for (const { result } of response.results) {
          results.push(
            result.case === "device" ? { device: result.value } : { error: itemError(result.value ?? noResult) },
          );
        }
      }
      return results;
    },
    list(filter = {}, options = {}) {
      return createPagedList(async (pageToken) => {
        const request = { filter: create(DeviceFilterSchema, filter), pageSize: options.pageSize ?? 0, pageToken };
        const response = await callUnary(connection, options, (call) => client.listDevices(request, call));
        return { items: response.devices, nextPageToken: response.nextPageToken };
      }, options.pageToken);
    },
    async update(name, changes, options = {}) {
      const fields = (Object.keys(changes) as (keyof DeviceFields)[]).filter((field) => field in paths);
      if (fields.length === 0) return await get(name, options);
      const wanted = deviceMessage({ name, address: "", platform: "", credential: "", ...defined(changes) });
      const request = {
        device: Object.assign(create(DeviceSchema, { name }), pick(wanted, fields)),
        updateMask: create(FieldMaskSchema, { paths: fields.map((field) => paths[field].path) }),
      };
      return present((await callUnary(connection, options, (call) => client.updateDevice(request, call))).device);
    },
    async delete(name, options = {}) {
      await callUnary(connection, options, (call) => client.deleteDevice({ name }, call));
    },
    async acceptHostKey(name, hostKey, options = {}) {
      const request = { name, hostKey };
      return present((await callUnary(connection, options, (call) => client.acceptHostKey(request, call))).device);
    },
    async lock(name, { scope = "changes", reason, forMs }, options = {}) {
      const request = { name, scope: scopes[scope], reason, ...optionalDuration("duration", forMs) };
      return present((await callUnary(connection, options, (call) => client.lockDevice(request, call))).device);
    },
    async resetBreaker(name, options = {}) {
      return (await callUnary(connection, options, (call) => client.resetBreaker({ name }, call))).closed;
    },
    async unlock(name, { force = false, ...options } = {}) {
      return present(
        (await callUnary(connection, options, (call) => client.unlockDevice({ name, force }, call))).device,
      );
    },
    async platforms(options = {}) {
      return (await callUnary(connection, options, (call) => client.listPlatforms({}, call))).platforms;
    },
  };
}

/** The contract's field for each of ours, and its path in an update mask. */
const paths = {
  address: { field: "address", path: "address" },
  port: { field: "port", path: "port" },
  platform: { field: "platform", path: "platform" },
  credential: { field: "credential", path: "credential" },
  zone: { field: "zone", path: "zone" },
  exclusiveKey: { field: "exclusiveKey", path: "exclusive_key" },
  labels: { field: "labels", path: "labels" },
  hostKeyPolicy: { field: "hostKeyPolicy", path: "host_key_policy" },
  hostKeys: { field: "hostKeys", path: "host_keys" },
  connectTimeoutMs: { field: "connectTimeout", path: "connect_timeout" },
  bastions: { field: "bastions", path: "bastions" },
  changeCredential: { field: "changeCredential", path: "change_credential" },
  cryptoProfile: { field: "cryptoProfile", path: "crypto_profile" },
  maxSessions: { field: "maxSessions", path: "max_sessions" },
  connectsPerMinute: { field: "connectsPerMinute", path: "connects_per_minute" },
  expect: { field: "expect", path: "expect" },
} as const satisfies Record<keyof DeviceFields, { field: keyof Device; path: string }>;

const policies = {
  default: HostKeyPolicy.UNSPECIFIED,
  strict: HostKeyPolicy.STRICT,
  "accept-new": HostKeyPolicy.ACCEPT_NEW,
} as const;

const scopes = { changes: LockScope.CHANGES, all: LockScope.ALL } as const;

function deviceMessage(device: DeviceInput | Device): Device {
  if ("$typeName" in device) {
    // What only the service says of a device is no part of a new one: one that was read can be added elsewhere.
    const own = clone(DeviceSchema, device);
    for (const field of ["createTime", "updateTime", "endpoint", "status"] as const) {
      clearField(own, DeviceSchema.field[field]);
    }
    return own;
  }
  return create(DeviceSchema, {
    name: device.name,
    address: device.address,
    port: device.port ?? 0,
    platform: device.platform,
    credential: device.credential,
    zone: device.zone ?? "",
    exclusiveKey: device.exclusiveKey ?? "",
    labels: { ...device.labels },
    hostKeyPolicy: policies[device.hostKeyPolicy ?? "default"],
    hostKeys: [...(device.hostKeys ?? [])],
    ...optionalDuration("connectTimeout", device.connectTimeoutMs),
    bastions: (device.bastions ?? []).map((bastion) => ({
      ...bastion,
      port: bastion.port ?? 0,
      hostKeys: [...(bastion.hostKeys ?? [])],
    })),
    changeCredential: device.changeCredential ?? "",
    cryptoProfile: cryptoProfiles[device.cryptoProfile ?? "auto"],
    maxSessions: device.maxSessions ?? 0,
    connectsPerMinute: device.connectsPerMinute ?? 0,
    ...(device.expect && { expect: { hostName: device.expect.hostName ?? "", serial: device.expect.serial ?? "" } }),
  });
}

function defined<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

function pick(device: Device, fields: readonly (keyof DeviceFields)[]): Partial<Device> {
  return Object.fromEntries(fields.map((field) => [paths[field].field, device[paths[field].field]]));
}
