import { isIP } from "node:net";
import type { ListWorkersRequest, WorkerSelector } from "@pointsman/sdk/v1";
import { defaultPort } from "../../domain/endpoint-key.js";
import { problem } from "../../errors.js";
import type { DeviceRecord, Store, WorkerRecord } from "../../store/store.js";
import { byWorker, type WorkerRecords, workerState } from "./worker-view.js";

type Parts = Pick<Store, "workers" | "devices" | "queues" | "zones">;
type Wanted = Pick<WorkerSelector, "names" | "queues" | "nodes" | "hosts" | "zones">;

const linePrefix = "device/";

/** The workers that a filter meets, by name. QUEUE_NOT_FOUND and DEVICE_NOT_FOUND where it names what is not there. */
export async function filterWorkers(store: Parts, filter: ListWorkersRequest): Promise<WorkerRecords[]> {
  const { states } = filter;
  const found = await matching(store, filter, await store.workers.list(zonesOf(filter)));
  return found.filter((records) => states.length === 0 || states.includes(workerState(records)));
}

/**
 * The workers that are meant, by name. A name or node that is not known is refused, so that no slip looks like success.
 */
export async function selectWorkers(store: Parts, wanted: Wanted): Promise<WorkerRecords[]> {
  const all = await store.workers.list(zonesOf(wanted));
  requireKnown(all, wanted.names, wanted.nodes);
  return matching(store, wanted, all);
}

/** WORKER_NOT_FOUND for the first name, or node, that no worker has. */
export function requireKnown(all: readonly WorkerRecord[], names: readonly string[], nodes: readonly string[]): void {
  const unknownName = names.find((name) => !all.some((worker) => worker.name === name));
  if (unknownName !== undefined) throw workerNotFound(unknownName);
  const unknownNode = nodes.find((node) => !all.some((worker) => worker.node === node));
  if (unknownNode !== undefined) {
    throw problem("WORKER_NOT_FOUND", `no worker on node ${unknownNode}`, { metadata: { node: unknownNode } });
  }
}

/** The error for a worker that is not there. */
export function workerNotFound(name: string): Error {
  return problem("WORKER_NOT_FOUND", `no worker ${name}`, { metadata: { worker: name } });
}

function zonesOf({ zones }: Wanted): readonly string[] | undefined {
  return zones.length > 0 ? zones : undefined;
}

async function matching(store: Parts, wanted: Wanted, all: readonly WorkerRecord[]): Promise<WorkerRecords[]> {
  const { names, nodes, queues, hosts } = wanted;
  const serving = queues.length > 0 ? await servingQueues(store, queues) : undefined;
  const holding = hosts.length > 0 ? await holdingHosts(store, hosts) : undefined;
  return byWorker(all).filter(
    (records) =>
      (names.length === 0 || names.includes(records[0]!.name)) &&
      (nodes.length === 0 || nodes.includes(records[0]!.node)) &&
      (!serving || records.some(serving)) &&
      (!holding || records.some(holding)),
  );
}

type Serves = (record: WorkerRecord) => boolean;

async function servingQueues(store: Parts, queues: readonly string[]): Promise<Serves> {
  const zones = new Set<string>();
  const owners: Serves[] = [];
  for (const queue of queues) {
    if (queue.startsWith(linePrefix)) {
      const name = queue.slice(linePrefix.length);
      const device = await store.devices.get(name);
      if (!device) throw problem("QUEUE_NOT_FOUND", `no queue ${queue}: there is no such device`);
      owners.push(await ownerOf(store, device.zone, device.endpoint));
      continue;
    }
    const used: string[] = [];
    for (const zone of (await store.zones()).keys()) {
      if ((await store.queues.named(zone)).includes(queue)) used.push(zone);
    }
    if (used.length === 0) throw problem("QUEUE_NOT_FOUND", `no queue ${queue}`);
    for (const zone of used) zones.add(zone);
  }
  return (record) => (zones.has(record.zone) && record.state !== "dead") || owners.some((owns) => owns(record));
}

async function holdingHosts(store: Parts, hosts: readonly string[]): Promise<Serves> {
  const owners: Serves[] = [];
  for (const host of hosts) {
    for (const { zone, endpoint } of await hostPlaces(store, host)) owners.push(await ownerOf(store, zone, endpoint));
  }
  return (record) => owners.some((owns) => owns(record));
}

/** Where a device is, and what it is exclusive by there. */
export interface Place {
  readonly zone: string;
  readonly endpoint: string;
}

/**
 * What is meant by a device's name, or by its address with a port where that is not 22: one place in each zone.
 * DEVICE_NOT_FOUND.
 */
export async function hostPlaces({ devices, zones }: Pick<Store, "devices" | "zones">, host: string): Promise<Place[]> {
  const device: DeviceRecord | undefined = await devices.get(host);
  if (device) return [{ zone: device.zone, endpoint: device.endpoint }];
  const { address, port } = addressOf(host);
  // A host name without a dot can only be a device's name that was misspelt.
  if (isIP(address) === 0 && !address.includes(".") && port === defaultPort) {
    throw problem("DEVICE_NOT_FOUND", `no device ${host}`, { metadata: { device: host } });
  }
  const places: Place[] = [];
  for (const zone of (await zones()).keys()) {
    places.push({ zone, endpoint: await devices.exclusiveAt(zone, { address, port }) });
  }
  return places;
}

async function ownerOf({ workers }: Parts, zone: string, endpoint: string): Promise<Serves> {
  const owner = await workers.ownerOf(zone, endpoint);
  return (record) => record.zone === zone && record.name === owner;
}

/** "10.0.0.1", "10.0.0.1:2222", "2001:db8::1", "[2001:db8::1]:2222". */
function addressOf(host: string): { readonly address: string; readonly port: number } {
  if (isIP(host) === 6) return { address: host, port: defaultPort };
  const [, address = host, port] = /^(.+?)(?::(\d{1,5}))?$/.exec(host) ?? [];
  return { address: address.replace(/^\[(.*)\]$/, "$1"), port: port === undefined ? defaultPort : Number(port) };
}
