import type { InlineEndpoint, JobSpec } from "@pointsman/sdk/v1";
import { addressProblem, defaultPort, endpointKey } from "../domain/endpoint-key.js";
import type { DeviceRecord, Store, WorkerRecord } from "../store/store.js";

/** Zone of what names none. */
export const defaultZone = "default";

/** What the wishes of one call point at, read in few round trips. */
export interface Surroundings {
  readonly devices: ReadonlyMap<string, DeviceRecord>;
  readonly zones: ReadonlyMap<string, number>;
  /** The zones of the nodes that workers run on, by node. */
  readonly nodes: ReadonlyMap<string, readonly string[]>;
  readonly credentials: ReadonlySet<string>;
  /** What exclusivity is keyed by at the addresses of inline endpoints. */
  readonly exclusive: ReadonlyMap<string, string>;
}

/** An inline endpoint's place, as {@link Surroundings} knows it. */
export function placeOf({ zone, address, port }: InlineEndpoint): string {
  return `${zone || defaultZone} ${endpointKey(address, port)}`;
}

/** Reads the devices, zones and credentials that specs name, and what is at their inline endpoints. */
export async function readSurroundings(store: Store, specs: readonly JobSpec[]): Promise<Surroundings> {
  const names = new Set<string>();
  const logins = new Set<string>();
  const places = new Map<string, InlineEndpoint>();
  for (const { target } of specs) {
    if (target.case === "device") names.add(target.value);
    else if (target.case === "endpoint") {
      if (target.value.login.case === "credential") logins.add(target.value.login.value);
      if (addressProblem(target.value.address) === undefined) places.set(placeOf(target.value), target.value);
    }
  }
  const exclusiveAt = async ([place, { zone, address, port }]: [string, InlineEndpoint]) =>
    [place, await store.devices.exclusiveAt(zone || defaultZone, address, port || defaultPort)] as const;
  const [devices, zones, credentials, exclusive, workers] = await Promise.all([
    names.size > 0 ? store.devices.getMany([...names]) : [],
    store.zones(),
    Promise.all(Array.from(logins, (name) => store.credentials.get(name))),
    Promise.all(Array.from(places, exclusiveAt)),
    specs.some(({ target }) => target.case === "node") ? store.workers.list() : [],
  ]);
  return {
    devices: new Map(devices.flatMap((device) => (device ? [[device.name, device] as const] : []))),
    zones,
    nodes: zonesByNode(workers),
    credentials: new Set(credentials.flatMap((credential) => (credential ? [credential.name] : []))),
    exclusive: new Map(exclusive),
  };
}

/** The zones of each node: those that live workers serve, or else those that dead ones did. */
function zonesByNode(workers: readonly WorkerRecord[]): ReadonlyMap<string, readonly string[]> {
  const zones = new Map<string, string[]>();
  const living = workers.filter(({ state }) => state !== "dead");
  const alive = new Set(living.map(({ node }) => node));
  for (const { node, zone } of [...living, ...workers.filter(({ node }) => !alive.has(node))]) {
    const known = zones.get(node) ?? [];
    if (!known.includes(zone)) zones.set(node, [...known, zone].sort());
  }
  return zones;
}
