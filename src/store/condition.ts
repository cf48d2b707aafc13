import type { ConditionStore, ServerCondition } from "./condition-store.js";
import type { RedisLinks } from "./connection.js";
import type { AskedServers, Fitness } from "./fitness.js";
import type { KeySpace } from "./keys.js";
import { list, scriptCommands, type Scripts, text } from "./scripts.js";
import type { Zones } from "./zones.js";

/**
 * The Redis processes that hold something of this installation, as far as they answer. `monotonic` measures how long that
 * takes. Rejects when none does.
 */
export async function askServers(
  links: Pick<RedisLinks, "info" | "setting">,
  keys: KeySpace,
  {
    zones,
    scripts,
    monotonic,
  }: {
    readonly zones: Pick<Zones, "all">;
    readonly scripts: Scripts;
    readonly monotonic: () => number;
  },
): Promise<AskedServers> {
  const roots = [keys.installation, ...[...(await zones.all()).keys()].map((zone) => keys.zone(zone))];
  const settled = await Promise.allSettled(
    roots.map(async (root) => {
      const before = monotonic();
      const info = await links.info(root);
      const latencyMs = monotonic() - before;
      // One that runs no script now says why to whatever else is asked of it.
      const denied = await scripts.run("rights", root, ...scriptCommands()).catch(() => []);
      return { info, latencyMs, syncPolicy: await links.setting(root, "appendfsync"), denied: list(denied).map(text) };
    }),
  );
  const asked = settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const missing = settled.find((one) => one.status === "rejected");
  if (missing && asked.length === 0) throw missing.reason;
  const denied = [...new Set(asked.flatMap((one) => one.denied))];
  const byProcess = new Map(asked.map((one) => [/\nrun_id:(\w+)/.exec(one.info)?.[1] ?? "", one]));
  const servers = [...byProcess.values()].map(({ info, latencyMs, syncPolicy }) => ({
    ...{ latencyMs, denied, ...serverOf(info) },
    ...(syncPolicy === undefined ? {} : { syncPolicy }),
  }));
  return { servers, ...(missing && { missing: missing.reason as Error }) };
}

/** How the store is. */
export function createConditionStore(fitness: Fitness, scripts: Scripts, keys: KeySpace): ConditionStore {
  return {
    async servers() {
      const { servers, missing } = await fitness.look();
      if (missing !== undefined) throw missing;
      return servers;
    },
    reachable: async () => (await fitness.look()).servers,
    async zone(zone) {
      const reply = list(await scripts.run("zone_state", keys.zone(zone))).map((part) => text(part));
      const facts = new Map(reply.flatMap((value, at) => (at % 2 === 1 ? [[reply[at - 1] ?? "", value]] : [])));
      const number = (name: string): number => Number(facts.get(name) ?? 0);
      return {
        ...{ zone, gate: facts.get("gate") as "OPEN" | "SHUT" | "HIDDEN", missing: number("missing") },
        ...{ delayed: number("delayed"), queued: number("queued"), running: number("running") },
        ...{ oldestMs: number("oldest"), lateMs: number("late"), held: number("held"), doubts: number("doubts") },
      };
    },
  };
}

/** Reads the answer to INFO. */
export function serverOf(info: string): Omit<ServerCondition, "latencyMs" | "denied" | "syncPolicy"> {
  const facts = new Map(
    [...info.matchAll(/^(\w+):(.*?)\r?$/gm)].map(([, name = "", value = ""]): [string, string] => [name, value]),
  );
  const number = (name: string): number => Number(facts.get(name) ?? 0);
  const isOk = (name: string): boolean => (facts.get(name) ?? "ok") === "ok";
  const offsets = [...info.matchAll(/^slave\d+:.*\boffset=(\d+)/gm)].map(([, offset]) => Number(offset));
  return {
    role: facts.get("role") === "slave" ? "replica" : "primary",
    usedBytes: number("used_memory"),
    limitBytes: number("maxmemory"),
    connections: number("connected_clients"),
    maxConnections: number("maxclients"),
    loading: number("loading") === 1,
    evictionPolicy: facts.get("maxmemory_policy") ?? "",
    appendOnly: number("aof_enabled") === 1,
    identified: facts.has("run_id") && facts.has("master_replid"),
    lastWriteOk: isOk("aof_last_write_status"),
    lastSaveOk: isOk("rdb_last_bgsave_status"),
    replicas: number("connected_slaves"),
    lagBytes: offsets.length === 0 ? 0 : Math.max(0, number("master_repl_offset") - Math.min(...offsets)),
  };
}
