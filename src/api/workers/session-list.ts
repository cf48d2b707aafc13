import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type ListSessionsRequest,
  type Session,
  type SessionFilter,
  SessionFilterSchema,
  SessionSchema,
  SessionState,
} from "@pointsman/sdk/v1";
import { problem } from "../../errors.js";
import type { SessionRecord, Store, WorkerRecord } from "../../store/store.js";
import { cryptoProfileMessage } from "../devices/crypto-profiles.js";
import { listKey, pageSize, placeNumber, readPageToken, writePageToken } from "../page-token.js";
import { hostPlaces, type Place, requireKnown } from "./worker-selection.js";

type Parts = Pick<Store, "workers" | "devices" | "zones">;

/** A session with the worker that holds it. */
export interface HeldSession extends SessionRecord {
  readonly worker: WorkerRecord;
}

/** What a session is called: its worker, and the worker's number for it. */
export function sessionName({ worker, number }: Pick<HeldSession, "worker" | "number">): string {
  return `${worker.name}/${number}`;
}

/** Sessions by the worker that holds them. */
export function byHolder<Held extends { readonly worker: WorkerRecord }>(
  sessions: readonly Held[],
): Map<WorkerRecord, Held[]> {
  const held = new Map<WorkerRecord, Held[]>();
  for (const session of sessions) {
    const some = held.get(session.worker);
    if (some) some.push(session);
    else held.set(session.worker, [session]);
  }
  return held;
}

/** One page of sessions. */
export async function listSessions(store: Parts, { filter, pageSize: asked, pageToken }: ListSessionsRequest) {
  const key = listKey("ListSessions", SessionFilterSchema, filter);
  const [zone = "", worker = "", number = "0"] = readPageToken(key, 3, pageToken) ?? [];
  const limit = pageSize(asked);
  const found: HeldSession[] = [];
  for await (const some of sessionsByWorker(store, filter, { zone, worker, number: placeNumber(number) })) {
    found.push(...some);
    if (found.length > limit) break;
  }
  const page = found.slice(0, limit);
  const last = page.at(-1);
  const more = found.length > limit && last;
  return {
    sessions: await viewSessions(store, page),
    nextPageToken: more ? writePageToken(key, [last.worker.zone, last.worker.name, String(last.number)]) : "",
  };
}

/**
 * The sessions that a filter meets, one worker's after another's, behind a place. Costs a read of all the sessions of
 * each worker that may hold one. DEVICE_NOT_FOUND, WORKER_NOT_FOUND.
 */
export async function* sessionsByWorker(
  store: Parts,
  filter: SessionFilter | undefined,
  behind = { zone: "", worker: "", number: 0 },
): AsyncGenerator<readonly HeldSession[]> {
  const { zones = [], names = [], workers = [], nodes = [] } = filter ?? {};
  const all = await store.workers.list(zones.length > 0 ? zones : undefined);
  requireKnown(all, workers, nodes);
  const meets = await sessionTest(store, filter);
  const ofNames = new Set(names.map((name) => name.slice(0, name.lastIndexOf("/"))));
  const order = (worker: { readonly zone: string; readonly name: string }): string => `${worker.zone} ${worker.name}`;
  const start = `${behind.zone} ${behind.worker}`;
  const chosen = all
    .filter(({ state }) => state !== "dead")
    .filter(({ name }) => (workers.length === 0 || workers.includes(name)) && (names.length === 0 || ofNames.has(name)))
    .filter(({ node }) => nodes.length === 0 || nodes.includes(node))
    .filter((worker) => order(worker) >= start)
    .sort((one, other) => (order(one) < order(other) ? -1 : 1));
  for (const worker of chosen) {
    const after = order(worker) === start ? behind.number : 0;
    const records = await store.workers.sessions(worker.zone, worker.name);
    yield records.map((record) => ({ ...record, worker })).filter((one) => one.number > after && meets(one));
  }
}

/** A device that a worker has, where no session of it is known. */
export interface UnmetDevice {
  readonly worker: WorkerRecord;
  readonly endpoint: string;
}

/**
 * Of the devices and hosts that a filter names those whose worker told of no session: what runs there may still connect.
 * None where the filter asks for what only a session has.
 */
export async function unmetDevices(
  store: Parts,
  filter: SessionFilter | undefined,
  held: readonly HeldSession[],
): Promise<UnmetDevice[]> {
  const { names = [], devices = [], hosts = [], credentials = [], states = [] } = filter ?? {};
  if (names.length + credentials.length + states.length > 0 || devices.length + hosts.length === 0) return [];
  const { zones = [], workers = [], nodes = [] } = filter ?? {};
  const known = new Set(held.map(({ worker, endpoint }) => `${worker.zone} ${endpoint}`));
  const ofDevices = await devicePlaces(store, devices);
  const ofHosts = (await Promise.all(hosts.map((host) => hostPlaces(store, host)))).flat();
  const named = (place: Place, places: readonly Place[]): boolean =>
    places.length === 0 || places.some(({ zone, endpoint }) => zone === place.zone && endpoint === place.endpoint);
  const meant = [...ofDevices, ...ofHosts]
    .filter((place) => named(place, ofDevices) && named(place, ofHosts))
    .filter(({ zone, endpoint }) => (zones.length === 0 || zones.includes(zone)) && !known.has(`${zone} ${endpoint}`));
  if (meant.length === 0) return [];
  const all = (await store.workers.list()).filter(
    ({ name, node }) =>
      (workers.length === 0 || workers.includes(name)) && (nodes.length === 0 || nodes.includes(node)),
  );
  const owners = await Promise.all(meant.map(({ zone, endpoint }) => store.workers.ownerOf(zone, endpoint)));
  return meant.flatMap(({ zone, endpoint }, index) => {
    const worker = all.find((one) => one.zone === zone && one.name === owners[index]);
    return worker ? [{ worker, endpoint }] : [];
  });
}

type SessionTest = (session: HeldSession) => boolean;

async function sessionTest(store: Parts, filter: SessionFilter | undefined): Promise<SessionTest> {
  if (!filter) return () => true;
  const { names, devices, hosts, credentials, states } = filter;
  const places: (readonly Place[])[] = [];
  if (devices.length > 0) places.push(await devicePlaces(store, devices));
  if (hosts.length > 0) places.push((await Promise.all(hosts.map((host) => hostPlaces(store, host)))).flat());
  return (session) =>
    (names.length === 0 || names.includes(sessionName(session))) &&
    (credentials.length === 0 || credentials.includes(session.credential ?? "")) &&
    (states.length === 0 || states.includes(stateOf(session))) &&
    places.every((some) =>
      some.some(({ zone, endpoint }) => zone === session.worker.zone && endpoint === session.endpoint),
    );
}

async function devicePlaces({ devices }: Parts, names: readonly string[]): Promise<Place[]> {
  const places: Place[] = [];
  for (const name of names) {
    const device = await devices.get(name);
    if (!device) throw problem("DEVICE_NOT_FOUND", `no device ${name}`, { metadata: { device: name } });
    places.push({ zone: device.zone, endpoint: device.endpoint });
  }
  return places;
}

function stateOf({ busy }: HeldSession): SessionState {
  return busy ? SessionState.BUSY : SessionState.IDLE;
}

/** Sessions as callers see them. */
export async function viewSessions({ devices }: Parts, held: readonly HeldSession[]): Promise<Session[]> {
  const names = new Map<string, string>();
  for (const [{ zone }, some] of byHolder(held)) {
    const endpoints = some.map(({ endpoint }) => endpoint);
    const found = await devices.namesAt(zone, endpoints);
    for (const [index, name] of found.entries()) if (name) names.set(`${zone} ${endpoints[index]}`, name);
  }
  return held.map((session) => {
    const { worker, endpoint, address, port, platform, username, credential = "", bastions, uses } = session;
    const running = session.busy ? worker.jobs?.find((job) => job.endpoint === endpoint) : undefined;
    return create(SessionSchema, {
      ...{ name: sessionName(session), worker: worker.name, node: worker.node, zone: worker.zone },
      ...{ device: names.get(`${worker.zone} ${endpoint}`) ?? "", address, port, platform, username, credential },
      ...{ state: stateOf(session), job: running?.id ?? "", useCount: uses, bastions: [...bastions] },
      openTime: timestampFromMs(session.openMs),
      lastUseTime: timestampFromMs(session.lastUseMs),
      cryptoProfile: cryptoProfileMessage(session.cryptoProfile),
    });
  });
}
