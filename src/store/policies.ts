import type { Calendar } from "../domain/calendar.js";
import type { CommandRule } from "../domain/command-rules.js";
import { type ChangeStop, type Policies, stopName } from "../domain/policies.js";
import { holdsFor, isSelective, type PolicyScope, reachesZone } from "../domain/policy.js";
import type { StoreConnection } from "./connection.js";
import { type Closure, closureOf, stopClosure, stopField, versionField } from "./freeze-text.js";
import { type KeySpace, keyOf } from "./keys.js";
import { list, type Scripts, text } from "./scripts.js";
import { type DeviceRecord, type DeviceStore, type PolicyStore, StoreError } from "./store.js";
import type { Zones } from "./zones.js";

/** Policies that an installation can have. */
const mostPolicies = 500;
/** Devices read at a time, and members written at a time. */
const chunk = 1_000;
/** Devices at a time whose jobs are moved as well. */
const jobChunk = 20;
/** Command rules that were read are believed for this long while their version stands: it may go back with lost data. */
const rulesKeptMs = 5_000;
/** Recurring times are worked out, and who a policy holds for is looked up, again after this long. */
const refreshMs = 60_000;

/** All policies, as of one moment. */
interface Snapshot {
  readonly version: string;
  readonly stop: ChangeStop | undefined;
  readonly of: <K extends keyof Policies>(kind: K) => readonly Policies[K][];
}

/** What policies are made of. */
interface PolicyParts {
  readonly redis: StoreConnection;
  readonly scripts: Scripts;
  readonly keys: KeySpace;
  readonly zones: Zones;
  readonly devices: Pick<DeviceStore, "list">;
  readonly calendar: Calendar;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

export function createPolicyStore({ redis, scripts, keys, zones, devices, calendar, now }: PolicyParts): PolicyStore {
  const root = keys.installation;
  /** When each zone was last brought in line, and with which version. */
  const spreadAt = new Map<string, { readonly version: string; readonly ms: number }>();

  let rules: { readonly version: string; readonly ms: number; readonly list: readonly CommandRule[] } | undefined;

  async function read(): Promise<Snapshot> {
    const stored = await redis.hgetall(keyOf(root, "policies"));
    const stop = stored[stopName];
    return {
      version: stored[versionField] ?? "0",
      stop: stop === undefined ? undefined : (JSON.parse(stop) as ChangeStop),
      of: (kind) =>
        Object.keys(stored)
          .filter((name) => name.startsWith(`${kind}/`))
          .sort()
          .map((name) => JSON.parse(stored[name] ?? "") as Policies[typeof kind]),
    };
  }

  async function write(name: string, policy: object | undefined, how: "new" | "any"): Promise<[number, string]> {
    const body = policy ? JSON.stringify(policy).slice(1, -1) : "";
    const [answer, time, before] = list(await scripts.run("write_policy", root, name, body, how, mostPolicies));
    switch (text(answer)) {
      case "EXISTS":
        throw new StoreError("POLICY_EXISTS", `${name} exists`, { policy: name });
      case "FULL":
        throw new StoreError("TOO_MANY_POLICIES", `an installation can have ${mostPolicies} policies at most`);
      case "NONE":
        throw new StoreError("POLICY_NOT_FOUND", `no ${name}`, { policy: name });
      default:
        return [Number(text(time)), text(before)];
    }
  }

  function closuresOf({ stop, of }: Snapshot): Closure[] {
    const at = now();
    return [
      ...(stop ? [stopClosure] : []),
      ...of("freeze").map((policy) => closureOf(calendar, "freeze", policy, at)),
      ...of("window").map((policy) => closureOf(calendar, "window", policy, at)),
    ];
  }

  function closuresIn(zone: string, snapshot: Snapshot): Closure[] {
    return closuresOf(snapshot).filter(({ scope }) => !scope || reachesZone(scope, zone));
  }

  /** Endpoints of a zone for which policies are written to hold, by policy. */
  type Written = ReadonlyMap<string, ReadonlySet<string>>;

  async function writtenIn(zone: string, snapshot: Snapshot): Promise<Written> {
    const written = new Map<string, ReadonlySet<string>>();
    for (const { name, scope } of closuresIn(zone, snapshot)) {
      if (!scope || !isSelective(scope)) continue;
      written.set(name, new Set(await redis.smembers(keyOf(keys.zone(zone), "frozen", name))));
    }
    return written;
  }

  /** Says to a zone what holds there. Those a policy holds for are written before it and taken away behind it. */
  async function spreadTo(zone: string, snapshot: Snapshot, members: Members, written: Written): Promise<void> {
    const zoneRoot = keys.zone(zone);
    const closures = closuresIn(zone, snapshot);
    const stale: [string, string[]][] = [];
    for (const { name, scope } of closures) {
      const present = written.get(name);
      if (!scope || !present) continue;
      const wanted = new Set(members(zone, scope));
      await inChunks(
        [...wanted].filter((one) => !present.has(one)),
        (some) => redis.sadd(keyOf(zoneRoot, "frozen", name), ...some),
      );
      stale.push([name, [...present].filter((one) => !wanted.has(one))]);
    }
    const { version, stop } = snapshot;
    const args = closures.flatMap(({ name, text: what }) => [name, what]);
    if (stop) args.push(stopField, JSON.stringify(stop));
    const answer = text(await scripts.run("write_freezes", zoneRoot, version, "", ...args));
    // Another server was faster, unless the policies came back with older data: then the zone follows them.
    if (answer === "OLD" && (await redis.hget(keyOf(root, "policies"), versionField)) === version) {
      await scripts.run("write_freezes", zoneRoot, version, "force", ...args);
    }
    for (const [name, gone] of stale) await inChunks(gone, (some) => unfreeze(zoneRoot, name, some), jobChunk);
    spreadAt.set(zone, { version, ms: now() });
  }

  /** Endpoints by zone of the devices that a scope holds for. */
  type Members = (zone: string, scope: PolicyScope) => readonly string[];

  async function findMembers(snapshot: Snapshot): Promise<Members> {
    const selective = [...snapshot.of("freeze"), ...snapshot.of("window")].some(({ scope }) => isSelective(scope));
    const all: DeviceRecord[] = [];
    for (let after: string | undefined, more = selective; more;) {
      const page = await devices.list({ limit: chunk, ...(after === undefined ? {} : { after }) });
      all.push(...page.devices);
      after = page.next;
      more = after !== undefined;
    }
    return (zone, scope) =>
      all.filter((device) => device.zone === zone && holdsFor(scope, device)).map(({ endpoint }) => endpoint);
  }

  /** All zones are tried, whatever becomes of one. */
  async function spread(only?: readonly string[]): Promise<void> {
    const snapshot = await read();
    const named = only ?? [...(await zones.all()).keys()];
    // Read before the devices are: one that comes to a policy meanwhile must not look like one that left it.
    const written = await Promise.allSettled(named.map((zone) => writtenIn(zone, snapshot)));
    const members = await findMembers(snapshot);
    const done = await Promise.allSettled(
      named.map(async (zone, i) => {
        const before = written[i]!;
        if (before.status === "rejected") throw before.reason;
        await spreadTo(zone, snapshot, members, before.value);
        await thaw(zone);
      }),
    );
    for (const one of done) if (one.status === "rejected") throw one.reason;
  }

  /** A policy does not hold for devices any more: what waits there for it goes on. */
  async function unfreeze(zoneRoot: string, name: string, endpoints: readonly string[]): Promise<void> {
    while (Number(await scripts.run("unfreeze", zoneRoot, name, ...endpoints)) > 0);
  }

  async function thaw(zone: string): Promise<void> {
    while (Number(await scripts.run("thaw", keys.zone(zone))) > 0);
  }

  return {
    async create(kind, policy) {
      const [createMs] = await write(`${kind}/${policy.name}`, policy, "new");
      // Rules about commands close nothing: whoever sends one asks for them.
      if (kind !== "rule") await spread();
      return { ...policy, createMs } as Policies[typeof kind];
    },
    async list(kind) {
      return (await read()).of(kind);
    },
    async commandRules() {
      const version = (await redis.hget(keyOf(root, "policies"), versionField)) ?? "0";
      if (rules?.version !== version || now() - rules.ms >= rulesKeptMs) {
        const snapshot = version === "0" ? undefined : await read();
        rules = { version: snapshot?.version ?? "0", ms: now(), list: snapshot?.of("rule") ?? [] };
      }
      return rules.list;
    },
    async remove(kind, name) {
      await write(`${kind}/${name}`, undefined, "any");
      if (kind !== "rule") await spread();
    },
    async stop(stop) {
      const [createMs] = await write(stopName, stop, "any");
      await spread();
      return { ...stop, createMs };
    },
    async allow() {
      try {
        const [, before] = await write(stopName, undefined, "any");
        await spread();
        return JSON.parse(before) as ChangeStop;
      } catch (error) {
        if (error instanceof StoreError && error.reason === "POLICY_NOT_FOUND") return undefined;
        throw error;
      }
    },
    async stopped() {
      const stored = await redis.hget(keyOf(root, "policies"), stopName);
      return stored === null ? undefined : (JSON.parse(stored) as ChangeStop);
    },
    async keep(zone) {
      const [version, known] = await Promise.all([
        redis.hget(keyOf(root, "policies"), versionField),
        redis.hget(keyOf(keys.zone(zone), "freezes"), versionField),
      ]);
      // Where there has never been a policy there is nothing to spread.
      if (version === null && known === null) return;
      const last = spreadAt.get(zone);
      const fresh = last?.version === version && now() - last.ms < refreshMs;
      if (known === version && fresh) await thaw(zone);
      else await spread([zone]);
    },
    async follow(device) {
      const snapshot = await read();
      const zoneRoot = keys.zone(device.zone);
      for (const { name, scope } of closuresOf(snapshot)) {
        if (!scope || !isSelective(scope)) continue;
        const set = keyOf(zoneRoot, "frozen", name);
        if (holdsFor(scope, device)) await redis.sadd(set, device.endpoint);
        else if (await redis.sismember(set, device.endpoint)) await unfreeze(zoneRoot, name, [device.endpoint]);
      }
    },
  };
}

async function inChunks(
  all: readonly string[],
  write: (some: readonly string[]) => Promise<unknown>,
  size = chunk,
): Promise<void> {
  for (let i = 0; i < all.length; i += size) await write(all.slice(i, i + size));
}
