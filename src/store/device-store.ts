import type { CryptoProfile } from "../domain/crypto-profile.js";
import type { DevicePlace } from "../domain/endpoint-key.js";
import type { HoldReason } from "../domain/hold.js";

/** A host on the way to a device, as stored. */
export interface BastionRecord {
  readonly address: string;
  readonly port: number;
  readonly credential: string;
  /** Empty: those known for its address, as of a device. */
  readonly hostKeys: readonly string[];
}

/** A device as stored. */
export interface DeviceRecord {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly platform: string;
  readonly credential: string;
  readonly zone: string;
  readonly exclusiveKey?: string;
  readonly endpoint: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly hostKeyPolicy?: "strict" | "accept-new";
  readonly connectTimeoutMs?: number;
  /** The way to it, the first being the one that is reached directly. */
  readonly bastions?: readonly BastionRecord[];
  /** What work that can change it logs in with. Default: `credential`. */
  readonly changeCredential?: string;
  /** Default: found out. */
  readonly cryptoProfile?: CryptoProfile;
  /** Sessions a worker may have on it at a time. Default: the platform's. */
  readonly maxSessions?: number;
  /** Connections begun in a minute. Default: the platform's. */
  readonly connectsPerMinute?: number;
  /** Who it says it is, where that is asked before changes. */
  readonly expect?: { readonly hostName?: string; readonly serial?: string };
  readonly createMs: number;
  readonly updateMs: number;
}

/** A person's lock: keeps changes, or everything, of others from starting. */
export interface LockRecord {
  readonly owner: string;
  readonly scope: "CHANGES" | "ALL";
  readonly reason: string;
  readonly timeMs: number;
  readonly expireMs?: number;
}

/** Who paused a queue, why and when. */
export interface PauseRecord {
  readonly caller: string;
  readonly reason: string;
  readonly timeMs: number;
}

/** What holds a device and what waits for it. */
export interface DeviceStatusRecord {
  readonly owner?: string;
  readonly runningJob?: string;
  readonly waitingReads: number;
  readonly waitingChanges: number;
  readonly hold?: HoldReason & { readonly timeMs: number };
  readonly lock?: LockRecord;
  readonly paused?: PauseRecord;
  readonly lastFailure?: {
    readonly reason: string;
    readonly message: string;
    readonly timeMs: number;
    readonly job: string;
  };
}

/** The inventory, and the host keys known per address and port. */
export interface DeviceStore {
  /** DEVICE_EXISTS, ENDPOINT_TAKEN (metadata `device`), CREDENTIAL_NOT_FOUND. */
  create(device: Omit<DeviceRecord, "createMs" | "updateMs">): Promise<DeviceRecord>;
  get(name: string): Promise<DeviceRecord | undefined>;
  getMany(names: readonly string[]): Promise<readonly (DeviceRecord | undefined)[]>;
  /** The names of the devices that have these endpoints, in turn; at least one must be asked for. */
  namesAt(zone: string, endpoints: readonly string[]): Promise<readonly (string | undefined)[]>;
  /** What exclusivity at an address and port is keyed by: the endpoint of the device that is there, if there is one. */
  exclusiveAt(zone: string, place: DevicePlace): Promise<string>;
  /** Names above `after`, by name, at most `limit`. */
  list(page: {
    readonly limit: number;
    readonly after?: string;
  }): Promise<{ readonly devices: readonly DeviceRecord[]; readonly next?: string }>;
  /**
   * Replaces a device. DEVICE_NOT_FOUND, ENDPOINT_TAKEN, CREDENTIAL_NOT_FOUND; DEVICE_HAS_LIVE_JOBS when endpoint or
   * zone change.
   */
  update(device: Omit<DeviceRecord, "createMs" | "updateMs">): Promise<DeviceRecord>;
  /** DEVICE_NOT_FOUND, DEVICE_HAS_LIVE_JOBS. */
  remove(name: string): Promise<void>;
  status(zone: string, endpoint: string): Promise<DeviceStatusRecord>;
  /** Locks a device for `owner`, or changes the lock the owner has. DEVICE_LOCKED by another (metadata `owner`). */
  lock(
    device: { readonly name: string; readonly zone: string; readonly endpoint: string },
    lock: Omit<LockRecord, "timeMs" | "expireMs"> & { readonly forMs?: number },
  ): Promise<void>;
  /** DEVICE_NOT_LOCKED; DEVICE_LOCKED by another, unless `force`. */
  unlock(
    device: { readonly name: string; readonly zone: string; readonly endpoint: string },
    caller: string,
    force: boolean,
  ): Promise<void>;
  /** Host keys known at a place in a zone (two zones may use the same addresses), as "ssh-ed25519 AAAA…". */
  hostKeys(zone: string, place: DevicePlace): Promise<readonly string[]>;
  /** Replaces the host keys known at a place. */
  setHostKeys(zone: string, place: DevicePlace, keys: readonly string[]): Promise<void>;
  /** Keeps a first key; answers with those known after it, so that of two first sights one wins. */
  pinFirstHostKey(zone: string, place: DevicePlace, key: string): Promise<readonly string[]>;
}
