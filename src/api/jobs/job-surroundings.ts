import type { InlineEndpoint, JobSpec } from "@pointsman/sdk/v1";
import { endpointKey } from "../../domain/endpoint-key.js";
import type { CommandRule } from "../../domain/command-rules.js";
import type { TaskType } from "../../domain/task-type.js";
import { defaultZone } from "../../domain/work-place.js";
import type { DeviceRecord, Store, WorkerRecord } from "../../store/store.js";
import { type EarlierJob, readEarlierJobs } from "./earlier-jobs.js";
import { placeProblems } from "../devices/place-problems.js";

/** What the wishes of one call point at, read in few round trips. */
export interface Surroundings {
  readonly devices: ReadonlyMap<string, DeviceRecord>;
  readonly zones: ReadonlyMap<string, number>;
  /** The zones of the nodes that workers run on, by node. */
  readonly nodes: ReadonlyMap<string, readonly string[]>;
  readonly credentials: ReadonlySet<string>;
  /** What exclusivity is keyed by at the addresses of inline endpoints. */
  readonly exclusive: ReadonlyMap<string, string>;
  /** Jobs that configurations take their input from. */
  readonly earlier: ReadonlyMap<string, EarlierJob>;
  /** The types of tasks that are named, by {@link taskKey}, in every zone that knows them. */
  readonly taskTypes: ReadonlyMap<string, TaskType>;
  /** What operators say of commands. */
  readonly rules: readonly CommandRule[];
}

/** A type of task in a zone, as {@link Surroundings} knows it. */
export function taskKey(zone: string, name: string): string {
  return `${zone} ${name}`;
}

/** An inline endpoint's place, as {@link Surroundings} knows it. */
export function placeOf(inline: InlineEndpoint): string {
  return `${inline.zone || defaultZone} ${endpointKey(inline)}`;
}

/** The stored credentials that a spec names, and the fields that name them. */
export function credentialsOf(spec: JobSpec): readonly { readonly field: string; readonly name: string }[] {
  const { target, credential } = spec;
  const own = credential === "" ? [] : [{ field: "credential", name: credential }];
  if (target.case !== "endpoint") return own;
  const { login, bastions } = target.value;
  const hops = bastions.map((bastion, index) => ({ field: `endpoint.bastions[${index}].credential`, ...bastion }));
  return [{ field: "endpoint.credential", login }, ...hops]
    .flatMap((hop) => (hop.login.case === "credential" ? [{ field: hop.field, name: hop.login.value }] : []))
    .concat(own);
}

/** Reads the devices, zones, credentials and types of tasks that specs name, and what is at their inline endpoints. */
export async function readSurroundings(store: Store, specs: readonly JobSpec[]): Promise<Surroundings> {
  const names = new Set<string>();
  const logins = new Set<string>();
  const places = new Map<string, InlineEndpoint>();
  for (const spec of specs) {
    const { target } = spec;
    for (const { name } of credentialsOf(spec)) logins.add(name);
    if (target.case === "device") names.add(target.value);
    else if (target.case === "endpoint") {
      if (placeProblems("", target.value).length === 0) places.set(placeOf(target.value), target.value);
    }
  }
  const exclusiveAt = async ([place, inline]: [string, InlineEndpoint]) =>
    [place, await store.devices.exclusiveAt(inline.zone || defaultZone, inline)] as const;
  const [devices, [zones, taskTypes], credentials, exclusive, workers, earlier, rules] = await Promise.all([
    names.size > 0 ? store.devices.getMany([...names]) : [],
    readZones(store, specs),
    Promise.all(Array.from(logins, (name) => store.credentials.get(name))),
    Promise.all(Array.from(places, exclusiveAt)),
    specs.some(({ target }) => target.case === "node") ? store.workers.list() : [],
    readEarlierJobs(store.jobs, specs),
    store.policies.commandRules(),
  ]);
  return {
    devices: new Map(devices.flatMap((device) => (device ? [[device.name, device] as const] : []))),
    zones,
    nodes: zonesByNode(workers),
    credentials: new Set(credentials.flatMap((credential) => (credential ? [credential.name] : []))),
    exclusive: new Map(exclusive),
    earlier,
    taskTypes,
    rules,
  };
}

/** The zones, and the types of tasks that specs name in each. */
async function readZones({ zones, taskTypes }: Store, specs: readonly JobSpec[]) {
  const known = await zones();
  const names = new Set(specs.flatMap(({ operation }) => (operation.case === "task" ? [operation.value.type] : [])));
  const found = new Map<string, TaskType>();
  if (names.size === 0) return [known, found] as const;
  await Promise.all(
    Array.from(known.keys(), async (zone) => {
      for (const type of await taskTypes.find(zone, [...names])) found.set(taskKey(zone, type.name), type);
    }),
  );
  return [known, found] as const;
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
