import { holdReason } from "../domain/hold.js";
import { type DevicePlace, endpointKey } from "../domain/endpoint-key.js";
import type { StoreConnection } from "./connection.js";
import { type KeySpace, keyOf } from "./keys.js";
import { list, type ScriptReply, type Scripts, text } from "./scripts.js";
import {
  type DeviceRecord,
  type DeviceStatusRecord,
  type DeviceStore,
  type LockRecord,
  type PauseRecord,
  StoreError,
} from "./store.js";

type NewDevice = Omit<DeviceRecord, "createMs" | "updateMs">;

function missing(name: string): StoreError {
  return new StoreError("DEVICE_NOT_FOUND", `no device ${name}`, { device: name });
}

function lockedBy(name: string, owner: string): StoreError {
  return new StoreError("DEVICE_LOCKED", `device ${name} is locked by ${owner}`, { device: name, owner });
}

function live(name: string): StoreError {
  const message = `jobs wait or run on device ${name}, or it is held; end or resolve them first`;
  return new StoreError("DEVICE_HAS_LIVE_JOBS", message, { device: name });
}

/** Devices read in one call. */
const readTogether = 500;
/** When a device was created and last changed, and itself, as the script gives them. */
type StoredDevice = readonly [createMs: number, updateMs: number, device: NewDevice];

/** An endpoint in its zone. */
interface Place {
  readonly zone: string;
  readonly endpoint: string;
}

interface Sited extends Place, DevicePlace {}

/** What a device takes for itself: first its own endpoint, then the one at its address. */
function placesOf(device: Sited): readonly [Place, ...Place[]] {
  const plain = plainPlace(device);
  return plain === undefined ? [device] : [device, plain];
}

/** Every credential that a device uses, joined as the script takes them. */
function credentialsOf({ credential, changeCredential, bastions = [] }: NewDevice): string {
  const used = [credential, changeCredential, ...bastions.map((bastion) => bastion.credential)];
  return [...new Set(used.filter((name) => name !== undefined))].join("\n");
}

/** How a place is named among all zones, since two of them may use the same addresses for different devices. */
function slotOf({ zone, endpoint }: Place): string {
  return `${zone} ${endpoint}`;
}

function slotsOf(device: Sited): string {
  return placesOf(device).map(slotOf).join("\n");
}

function isSame(place: Place, other: Place | undefined): boolean {
  return other !== undefined && slotOf(place) === slotOf(other);
}

/** The endpoint at a device's address, where its exclusivity is keyed by something else. */
function plainPlace({ zone, endpoint, ...place }: Sited): Place | undefined {
  const plain = endpointKey(place);
  return plain === endpoint ? undefined : { zone, endpoint: plain };
}

/** A removal or a move that was cut off leaves an endpoint closed for no longer than this. */
const closedMs = 60_000;

/** The inventory. Exclusivity lives in the devices' zones; here is only who they are. */
export function createDeviceStore(redis: StoreConnection, scripts: Scripts, keys: KeySpace): DeviceStore {
  const root = keys.installation;

  async function getMany(names: readonly string[]): Promise<(DeviceRecord | undefined)[]> {
    const found: (DeviceRecord | undefined)[] = [];
    for (let from = 0; from < names.length; from += readTogether) {
      const some = names.slice(from, from + readTogether);
      const reply = JSON.parse(text(await scripts.run("read_devices", root, ...some))) as (StoredDevice | null)[];
      reply.forEach((stored, i) => {
        if (!stored) return found.push(undefined);
        const [createMs, updateMs, device] = stored;
        return found.push({ ...device, name: some[i] ?? "", createMs, updateMs });
      });
    }
    return found;
  }

  function written(device: NewDevice, reply: ScriptReply): DeviceRecord {
    const [answer, ...rest] = list(reply);
    switch (text(answer)) {
      case "OK":
        return { ...device, createMs: Number(rest[0]), updateMs: Number(rest[1]) };
      case "EXISTS":
        throw new StoreError("DEVICE_EXISTS", `device ${device.name} exists`, { device: device.name });
      case "TAKEN": {
        const holder = text(rest[0]);
        throw new StoreError("ENDPOINT_TAKEN", `device ${holder} has the endpoint ${device.endpoint}`, {
          device: holder,
          endpoint: device.endpoint,
        });
      }
      case "NO_CREDENTIAL": {
        const credential = text(rest[0]);
        throw new StoreError("CREDENTIAL_NOT_FOUND", `no credential ${credential}`, { credential });
      }
      default:
        throw missing(device.name);
    }
  }

  /** Closes an endpoint for new jobs. Refused while jobs are there, or while somebody's lock or pause is. */
  async function close(zone: string, endpoint: string, name: string): Promise<void> {
    const answer = text(await scripts.run("close_endpoint", keys.zone(zone), endpoint, closedMs));
    if (answer === "LIVE") throw live(name);
    if (answer === "LOCKED") {
      const message = `device ${name} is locked or paused; unlock and resume it first`;
      throw new StoreError("DEVICE_LOCKED", message, { device: name });
    }
  }

  async function open(zone: string, endpoint: string): Promise<void> {
    await scripts.run("open_endpoint", keys.zone(zone), endpoint);
  }

  /**
   * Runs `change` while none of the places takes a new job; refused while any is there. Afterwards they are open, but for
   * `shut`: where a device's exclusivity is keyed by a key of its own, the endpoint at its address takes no jobs as long
   * as it is there, since two lines for one device would be two holders.
   */
  async function whileClosed<T>(
    name: string,
    places: readonly Place[],
    shut: Place | undefined,
    change: () => Promise<T>,
  ): Promise<T> {
    const closed: Place[] = [];
    let done = false;
    try {
      for (const place of places) {
        if (await isShut(place)) continue;
        await close(place.zone, place.endpoint, name);
        closed.push(place);
      }
      const result = await change();
      done = true;
      if (shut) await scripts.run("close_endpoint", keys.zone(shut.zone), shut.endpoint, "");
      return result;
    } finally {
      const stays = (place: Place): boolean => done && isSame(place, shut);
      for (const place of done ? places : closed) if (!stays(place)) await open(place.zone, place.endpoint);
    }
  }

  /** Whether a device with a key of its own keeps this endpoint shut. */
  async function isShut(place: Place): Promise<boolean> {
    const owner = await ownerOf(place);
    return owner !== undefined && owner.endpoint !== place.endpoint;
  }

  async function ownerOf(place: Place): Promise<DeviceRecord | undefined> {
    const name = await redis.hget(keyOf(root, "slots"), slotOf(place));
    return name === null ? undefined : (await getMany([name]))[0];
  }

  async function need(name: string): Promise<DeviceRecord> {
    const [device] = await getMany([name]);
    if (!device) throw missing(name);
    return device;
  }

  const hostKeysKey = keyOf(root, "hostkeys");
  const hostKeysField = (zone: string, place: DevicePlace): string => `${zone} ${endpointKey(place)}`;

  return {
    async create(device) {
      const body = JSON.stringify(device).slice(1, -1);
      const args = ["create", device.name, slotsOf(device), "", credentialsOf(device), body];
      const write = async () => written(device, await scripts.run("write_device", root, ...args));
      const plain = plainPlace(device);
      if (plain) return whileClosed(device.name, [plain], plain, write);
      const record = await write();
      // A removal that was cut off may have left the endpoint shut.
      await open(device.zone, device.endpoint);
      return record;
    },
    async exclusiveAt(zone, place) {
      const plain = endpointKey(place);
      return (await ownerOf({ zone, endpoint: plain }))?.endpoint ?? plain;
    },
    async get(name) {
      const [device] = await getMany([name]);
      return device;
    },
    getMany,
    async namesAt(zone, endpoints) {
      const names = await redis.hmget(keyOf(root, "slots"), ...endpoints.map((endpoint) => slotOf({ zone, endpoint })));
      return names.map((name) => name ?? undefined);
    },
    async list({ limit, after }) {
      const start = after === undefined ? "-" : `(${after}`;
      const names = await redis.zrange(keyOf(root, "devices"), start, "+", "BYLEX", "LIMIT", 0, limit);
      const devices = (await getMany(names)).filter((device) => device !== undefined);
      const last = names.at(-1);
      return { devices, ...(names.length === limit && last !== undefined ? { next: last } : {}) };
    },
    async update(device) {
      const before = await need(device.name);
      const body = JSON.stringify(device).slice(1, -1);
      const args = ["update", device.name, slotsOf(device), slotOf(before), credentialsOf(device), body];
      const write = async () => written(device, await scripts.run("write_device", root, ...args));
      if (slotsOf(before) === slotsOf(device)) return write();
      const places = [...placesOf(before), ...placesOf(device)];
      const distinct = places.filter((place, i) => places.findIndex((other) => isSame(place, other)) === i);
      return whileClosed(device.name, distinct, plainPlace(device), write);
    },
    async remove(name) {
      const device = await need(name);
      await whileClosed(name, placesOf(device), undefined, async () => {
        const answer = text(await scripts.run("remove_device", root, name, slotOf(device)));
        if (answer !== "OK") throw missing(name);
      });
    },
    async status(zone, endpoint) {
      const zoneRoot = keys.zone(zone);
      const [device, reads, changes] = await Promise.all([
        redis.hgetall(keyOf(zoneRoot, "ep", endpoint)),
        redis.zcard(keyOf(zoneRoot, "reads", endpoint)),
        redis.zcard(keyOf(zoneRoot, "changes", endpoint)),
      ]);
      const heldSince = device["hold"]
        ? Number(await redis.zscore(keyOf(zoneRoot, "holds", endpoint), device["hold"]))
        : 0;
      return statusOf(device, reads, changes, heldSince);
    },
    async lock(device, { owner, scope, reason, forMs }) {
      const zone = keys.zone(device.zone);
      const body = JSON.stringify({ owner, scope, reason }).slice(1, -1);
      for (let from: readonly [string, string] = ["", ""]; ;) {
        const args = [device.endpoint, owner, scope, forMs ?? "", body, ...from];
        const [answer, line, score] = list(await scripts.run("lock_device", zone, ...args));
        if (text(answer) === "LOCKED") throw lockedBy(device.name, text(line));
        if (text(answer) === "OK") return;
        from = [text(line), text(score)];
      }
    },
    async unlock(device, caller, force) {
      const args = [device.endpoint, caller, force ? 1 : 0];
      const [answer, owner] = list(await scripts.run("unlock_device", keys.zone(device.zone), ...args));
      if (text(answer) === "LOCKED") throw lockedBy(device.name, text(owner));
      if (text(answer) === "NONE") {
        throw new StoreError("DEVICE_NOT_LOCKED", `device ${device.name} is not locked`, { device: device.name });
      }
    },
    async hostKeys(zone, place) {
      const stored = await redis.hget(hostKeysKey, hostKeysField(zone, place));
      return stored === null ? [] : (JSON.parse(stored) as string[]);
    },
    async setHostKeys(zone, place, known) {
      const field = hostKeysField(zone, place);
      if (known.length === 0) await redis.hdel(hostKeysKey, field);
      else await redis.hset(hostKeysKey, field, JSON.stringify(known));
    },
    async pinFirstHostKey(zone, place, hostKey) {
      const field = hostKeysField(zone, place);
      return JSON.parse(text(await scripts.run("pin_host_key", root, field, JSON.stringify([hostKey])))) as string[];
    },
  };
}

function statusOf(
  device: Readonly<Record<string, string>>,
  waitingReads: number,
  waitingChanges: number,
  heldSince: number,
): DeviceStatusRecord {
  const { own, run, hold, lf, locked, paused } = device;
  return {
    ...(own === undefined ? {} : { owner: own }),
    ...(run === undefined ? {} : { runningJob: run }),
    waitingReads,
    waitingChanges,
    ...(hold === undefined ? {} : { hold: { ...holdReason(hold), timeMs: heldSince } }),
    ...(locked === undefined ? {} : { lock: JSON.parse(locked) as LockRecord }),
    ...(paused === undefined ? {} : { paused: JSON.parse(paused) as PauseRecord }),
    ...(lf === undefined ? {} : { lastFailure: JSON.parse(lf) as NonNullable<DeviceStatusRecord["lastFailure"]> }),
  };
}
