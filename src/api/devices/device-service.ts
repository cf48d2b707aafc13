import { clone, isFieldSet } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { ConnectError, type ServiceImpl } from "@connectrpc/connect";
import {
  type Device,
  DeviceFilterSchema,
  DeviceSchema,
  type DeviceService,
  HostKeyPolicy,
  LockScope,
  type ListDevicesRequest,
  type UpdateDeviceRequest,
} from "@pointsman/sdk/v1";
import { placeProblems } from "./place-problems.js";
import { credentialKey } from "../../domain/credential-key.js";
import { bastionKeys } from "../../domain/endpoint-key.js";
import { invalidRequest, problem } from "../../errors.js";
import { type DeviceRecord, type Store, StoreError } from "../../store/store.js";
import { principalKey, requestIdKey } from "../calls/call-context.js";
import { type DeviceInput, deviceInput, deviceMessage } from "./device-view.js";
import { badHostKeys } from "./host-keys.js";
import { unknownPlatform } from "./unknown-platform.js";
import { itemError } from "../calls/item-error.js";
import { platformMessage } from "./platform-view.js";
import { listKey, maxPageSize, pageSize, readPageToken, writePageToken } from "../page-token.js";
import type { PlatformCatalogue } from "./platform-catalogue.js";

/** What the service needs. */
export interface DeviceServiceParts {
  readonly store: Pick<Store, "devices" | "credentials" | "contacts" | "policies" | "ensureZone">;
  readonly platforms: PlatformCatalogue;
  /** What devices without a policy of their own keep to. */
  readonly defaultHostKeyPolicy: "strict" | "accept-new";
}

/** Fields that an update can name, and how each is taken over. */
const changeable: Readonly<Record<string, (to: Device, from: Device) => void>> = {
  address: (to, from) => (to.address = from.address),
  port: (to, from) => (to.port = from.port),
  platform: (to, from) => (to.platform = from.platform),
  credential: (to, from) => (to.credential = from.credential),
  zone: (to, from) => (to.zone = from.zone),
  exclusive_key: (to, from) => (to.exclusiveKey = from.exclusiveKey),
  labels: (to, from) => (to.labels = from.labels),
  host_key_policy: (to, from) => (to.hostKeyPolicy = from.hostKeyPolicy),
  host_keys: (to, from) => (to.hostKeys = from.hostKeys),
  bastions: (to, from) => (to.bastions = from.bastions),
  change_credential: (to, from) => (to.changeCredential = from.changeCredential),
  max_sessions: (to, from) => (to.maxSessions = from.maxSessions),
  connects_per_minute: (to, from) => (to.connectsPerMinute = from.connectsPerMinute),
  expect: (to, from) => {
    if (from.expect) to.expect = from.expect;
    else delete to.expect;
  },
  crypto_profile: (to, from) => (to.cryptoProfile = from.cryptoProfile),
  connect_timeout: (to, from) => {
    if (from.connectTimeout) to.connectTimeout = from.connectTimeout;
    else delete to.connectTimeout;
  },
};

/** Fields that a new device must not bring: who fills them in takes them for something they are not. */
const outputOnly = ["createTime", "updateTime", "endpoint", "status"] as const;

/** Devices looked at for one page of a filtered list. */
const maxLookedAt = 5_000;
/** Items of a batch sent to the store at a time. */
const together = 50;

/** Keeps the inventory. */
export function createDeviceService(parts: DeviceServiceParts): ServiceImpl<typeof DeviceService> {
  const { store, platforms, defaultHostKeyPolicy } = parts;
  const { devices } = store;

  /** Names the logins of a device, and of the bastions on the way to it, as breakers do. */
  const logins = async ({ credential, changeCredential, bastions = [] }: DeviceRecord): Promise<string[]> => {
    const names = new Set([credential, ...bastions.map((bastion) => bastion.credential)]);
    if (changeCredential !== undefined) names.add(changeCredential);
    const found = await Promise.all([...names].map((name) => store.credentials.get(name)));
    return found.flatMap((one) => (one ? [credentialKey(one)] : []));
  };

  const view = async (record: DeviceRecord, withStatus = false): Promise<Device> => {
    const { zone, endpoint } = record;
    const [keys, status] = await Promise.all([
      devices.hostKeys(zone, record),
      withStatus ? devices.status(zone, endpoint) : undefined,
    ]);
    const contact = withStatus
      ? await store.contacts.look(zone, endpoint, await logins(record), bastionKeys(record))
      : undefined;
    return deviceMessage(record, keys, defaultHostKeyPolicy, status && contact && { ...status, ...contact });
  };

  const known = async (name: string): Promise<DeviceRecord> => {
    const record = await devices.get(name);
    if (!record) throw problem("DEVICE_NOT_FOUND", `no device ${name}`, { metadata: { device: name } });
    return record;
  };

  const check = (device: Device, field: string): void => {
    const bad = placeProblems(field, device);
    if (bad.length > 0) throw invalidRequest(...bad);
    if (!platforms.has(device.platform)) throw unknownPlatform(`${field}.platform`, device.platform);
  };

  const keep = async (
    device: Device,
    write: (input: DeviceInput) => Promise<DeviceRecord>,
    replaceKeys: boolean,
  ): Promise<Device> => {
    const input = deviceInput(device);
    await store.ensureZone(input.zone);
    const record = await write(input);
    await store.policies.follow(record);
    // Behind the device: one that is refused must not touch the keys of whoever has its address.
    if (replaceKeys) await devices.setHostKeys(record.zone, record, device.hostKeys);
    return view(record);
  };

  const add = (device: Device, field: string): Promise<Device> => {
    const given = outputOnly.filter((name) => isFieldSet(device, DeviceSchema.field[name]));
    const description = "is output only: the service sets it";
    if (given.length > 0) {
      throw invalidRequest(
        ...given.map((name) => ({ field: `${field}.${DeviceSchema.field[name].name}`, description })),
      );
    }
    check(device, field);
    return keep(device, (input) => devices.create(input), device.hostKeys.length > 0);
  };

  return {
    createDevice: async ({ device }) => ({ device: await add(device!, "device") }),

    async batchCreateDevices(request, context) {
      const requestId = context.values.get(requestIdKey);
      const addItem = async (device: Device, index: number): Promise<DeviceBatchResult> => {
        try {
          return { result: { case: "device", value: await add(device, `devices[${index}]`) } };
        } catch (error) {
          if (!(error instanceof StoreError || error instanceof ConnectError)) throw error;
          return { result: { case: "error", value: itemError(error, requestId) } };
        }
      };
      const results: DeviceBatchResult[] = [];
      for (let start = 0; start < request.devices.length; start += together) {
        const part = request.devices.slice(start, start + together);
        results.push(...(await Promise.all(part.map((device, index) => addItem(device, start + index)))));
      }
      return { results };
    },

    getDevice: async ({ name }) => ({ device: await view(await known(name), true) }),

    async listDevices(request) {
      const page = await listPage(parts.store, request);
      return { devices: await Promise.all(page.devices.map((record) => view(record))), nextPageToken: page.next };
    },

    async updateDevice(request) {
      const { device, replaceKeys } = await updated(request, known, view);
      check(device, "device");
      return { device: await keep(device, (input) => devices.update(input), replaceKeys) };
    },

    async deleteDevice({ name }) {
      await devices.remove(name);
      return {};
    },

    async acceptHostKey({ name, hostKey }) {
      const bad = badHostKeys("host_key", hostKey);
      if (bad.length > 0) throw invalidRequest(...bad);
      const record = await known(name);
      await devices.setHostKeys(record.zone, record, [hostKey]);
      return { device: await view(record) };
    },

    async lockDevice({ name, scope, reason, duration }, context) {
      const record = await known(name);
      await devices.lock(record, {
        owner: context.values.get(principalKey).name,
        scope: scope === LockScope.ALL ? "ALL" : "CHANGES",
        reason,
        ...(duration && { forMs: durationMs(duration) }),
      });
      return { device: await view(record, true) };
    },

    async resetBreaker({ name }) {
      const record = await known(name);
      const { zone, endpoint } = record;
      return { closed: await store.contacts.reset(zone, endpoint, await logins(record), bastionKeys(record)) };
    },

    async unlockDevice({ name, force }, context) {
      const record = await known(name);
      const caller = context.values.get(principalKey);
      if (force && caller.role !== "admin") throw problem("PERMISSION_DENIED", "force is for admins");
      await devices.unlock(record, caller.name, force);
      return { device: await view(record, true) };
    },

    listPlatforms: async () => ({
      platforms: (await platforms.describe()).map(platformMessage),
    }),
  };
}

interface DeviceBatchResult {
  result: { case: "device"; value: Device } | { case: "error"; value: ReturnType<typeof itemError> };
}

/** The device as it shall be: what is stored, with the fields of the mask from the request. */
async function updated(
  request: UpdateDeviceRequest,
  known: (name: string) => Promise<DeviceRecord>,
  view: (record: DeviceRecord) => Promise<Device>,
): Promise<{ readonly device: Device; readonly replaceKeys: boolean }> {
  const asked = request.device!;
  const paths = request.updateMask?.paths ?? [];
  const bad = paths.flatMap((path, index) =>
    Object.hasOwn(changeable, path)
      ? []
      : [{ field: `update_mask.paths[${index}]`, description: "is no field that can be changed" }],
  );
  if (bad.length > 0) throw invalidRequest(...bad);
  const record = await known(asked.name);
  if (paths.length === 0) return { device: asked, replaceKeys: asked.hostKeys.length > 0 };
  const device = clone(DeviceSchema, await view(record));
  if (record.hostKeyPolicy === undefined) device.hostKeyPolicy = HostKeyPolicy.UNSPECIFIED;
  for (const path of paths) changeable[path]!(device, asked);
  return { device, replaceKeys: paths.includes("host_keys") };
}

async function listPage(
  store: DeviceServiceParts["store"],
  request: ListDevicesRequest,
): Promise<{ readonly devices: readonly DeviceRecord[]; readonly next: string }> {
  const { filter } = request;
  const limit = pageSize(request.pageSize);
  const key = listKey("ListDevices", DeviceFilterSchema, filter);
  let after = readPageToken(key, 1, request.pageToken)?.[0];
  const meets = (device: DeviceRecord): boolean =>
    !filter ||
    ((filter.platforms.length === 0 || filter.platforms.includes(device.platform)) &&
      (filter.zones.length === 0 || filter.zones.includes(device.zone)) &&
      Object.entries(filter.labels).every(([name, value]) => device.labels[name] === value));

  if (filter && filter.names.length > 0) {
    const names = [...new Set(filter.names)].sort().filter((name) => after === undefined || name > after);
    const part = names.slice(0, limit);
    const found = part.length > 0 ? await store.devices.getMany(part) : [];
    const next = names.length > part.length ? writePageToken(key, [part.at(-1)!]) : "";
    return { devices: found.filter((device) => device !== undefined).filter(meets), next };
  }
  const taken: DeviceRecord[] = [];
  for (let looked = 0; looked < maxLookedAt;) {
    const page = await store.devices.list({
      limit: filter ? maxPageSize : limit,
      ...(after !== undefined && { after }),
    });
    for (const device of page.devices) {
      after = device.name;
      if (meets(device)) taken.push(device);
      if (taken.length === limit) {
        const isLast = page.next === undefined && device === page.devices.at(-1);
        return { devices: taken, next: isLast ? "" : writePageToken(key, [after]) };
      }
    }
    looked += maxPageSize;
    if (page.next === undefined) return { devices: taken, next: "" };
    after = page.next;
  }
  return { devices: taken, next: writePageToken(key, [after!]) };
}
