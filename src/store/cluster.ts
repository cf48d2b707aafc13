import { setTimeout as pause } from "node:timers/promises";
import type { Redis } from "ioredis";
import { type RedisLinks, type StoreConnection, stateCommands } from "./connection.js";
import { type Access, dial, settingOf, stateConnection } from "./node-connection.js";
import { type HostPort, type RedisPlace, showHost } from "./redis-place.js";
import { requireServer } from "./require-server.js";
import { slotCount, slotOf } from "./slot.js";
import { reasonOf, unavailable } from "./connection-errors.js";

/** How often a command follows MOVED before it fails. */
const mostMoves = 5;
/** How long one node may take to tell the map. */
const mapTimeoutMs = 1_000;
/** Pauses between looks at the map while it does not lead everywhere. */
const shortestPauseMs = 50;
const longestPauseMs = 500;

interface Node {
  readonly at: HostPort;
  readonly redis: Redis;
  /** Settles when its first connection stands, or failed; later breaks mend themselves. */
  readonly opened: Promise<void>;
  settled: boolean;
}

type Method = (...args: unknown[]) => unknown;
type Call = (node: Redis) => Promise<unknown>;

/**
 * A cluster, as plain connections to its primaries and a map of slots.
 *
 * ioredis has a cluster client of its own. It repeats commands whose connection was lost, which may have run; it fails
 * whole batches when one of their slots has moved; and it follows ASK, which must not be (see `docs/decisions/`). Here a
 * command is sent again only after MOVED, which says that it did not run.
 */
export async function openCluster(place: RedisPlace, access: Access): Promise<RedisLinks> {
  const nodes = new Map<string, Node>();
  const owners = new Array<string | undefined>(slotCount);
  const scripts: Parameters<StoreConnection["defineCommand"]>[] = [];
  const closing = new AbortController();
  const { signal } = closing;
  let turn = 0;
  let healing: Promise<void> | undefined;

  function nodeAt(at: HostPort): Node {
    const name = showHost(at);
    const known = nodes.get(name);
    if (known) return known;
    const redis = stateConnection(access, at);
    for (const script of scripts) redis.defineCommand(...script);
    redis.on("close", heal);
    // A node that cannot be reached at first goes on trying like one that was lost.
    const opened = redis.connect().catch(() => undefined);
    const node: Node = { at, redis, opened, settled: false };
    void opened.then(() => (node.settled = true));
    nodes.set(name, node);
    return node;
  }

  function learn(map: readonly (readonly [first: number, last: number, at: HostPort])[]): void {
    if (signal.aborted) return;
    owners.fill(undefined);
    for (const [first, last, at] of map) {
      nodeAt(at);
      owners.fill(showHost(at), first, last + 1);
    }
    const used = new Set(owners);
    for (const [name, { redis }] of nodes) {
      if (used.has(name)) continue;
      nodes.delete(name);
      redis.off("close", heal);
      redis.disconnect();
    }
  }

  /** Asks one node after the other, each time beginning with another: a cut-off node knows an old map only. */
  async function refresh(): Promise<void> {
    const known = [...nodes.values()].filter(({ redis }) => redis.status === "ready");
    turn++;
    let cause: unknown = new Error("no node answers");
    for (let i = 0; i < known.length; i++) {
      const node = known[(turn + i) % known.length];
      if (!node) continue;
      try {
        learn(await mapOf(node.redis, node.at));
        return;
      } catch (error) {
        cause = error;
      }
    }
    for (const at of place.hosts) {
      try {
        const redis = await dial(access, at);
        const map = mapOf(redis, at);
        learn(await map.finally(() => redis.disconnect()));
        return;
      } catch (error) {
        cause = error;
      }
    }
    throw cause;
  }

  /** Looks at the map again, until it leads to a living primary everywhere. */
  function heal(): void {
    if (signal.aborted) return;
    healing ??= healed().finally(() => (healing = undefined));
  }

  async function healed(): Promise<void> {
    for (let wait = shortestPauseMs; !signal.aborted; wait = Math.min(wait * 2, longestPauseMs)) {
      const known = await refresh().then(
        () => true,
        () => false,
      );
      await Promise.all([...nodes.values()].map(({ opened }) => opened));
      if (known && [...nodes.values()].every(({ redis }) => redis.status === "ready")) return;
      await pause(wait, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  async function run(key: string, call: Call): Promise<unknown> {
    const slot = slotOf(key);
    for (let moves = 0; ; moves++) {
      const node = nodes.get(owners[slot] ?? "");
      if (!node) {
        heal();
        throw unavailable("no primary of the cluster serves this zone");
      }
      if (!node.settled) await node.opened;
      try {
        return await call(node.redis);
      } catch (error) {
        const moved = /^MOVED \d+ (\S*):(\d+)$/.exec(error instanceof Error ? error.message : "");
        if (!moved) {
          if (/^(CLUSTERDOWN|Command timed out)/.test(reasonOf(error))) heal();
          throw error;
        }
        const at = { host: moved[1] === "" ? node.at.host : (moved[1] ?? ""), port: Number(moved[2]) };
        if (moves >= mostMoves || signal.aborted) throw error;
        owners[slot] = showHost(at);
        nodeAt(at);
        heal();
      }
    }
  }

  const state: Record<string, Method> = {};
  const route = (name: string): void => {
    state[name] = (...args) =>
      run(String(args[0]), (node) =>
        (node as unknown as Record<string, (...given: unknown[]) => Promise<unknown>>)[name]!(...args),
      );
  };
  for (const name of stateCommands) route(name);
  state["defineCommand"] = (...definition) => {
    const [name] = definition as (typeof scripts)[number];
    scripts.push(definition as (typeof scripts)[number]);
    for (const { redis } of nodes.values()) redis.defineCommand(...(definition as (typeof scripts)[number]));
    route(name);
    route(`${name}Buffer`);
  };

  const links: RedisLinks = {
    state: state as unknown as StoreConnection,
    async dial(key) {
      const owner = key === undefined ? undefined : nodes.get(owners[slotOf(key)] ?? "");
      if (owner) return dial(access, owner.at);
      let cause: unknown = new Error("no node is known");
      const all = [...nodes.values()].map(({ at }) => at);
      const start = turn++;
      for (let i = 0; i < all.length; i++) {
        try {
          return await dial(access, all[(start + i) % all.length]);
        } catch (error) {
          cause = error;
        }
      }
      throw cause;
    },
    together: (key) => String(slotOf(key)),
    ping: async (key) => void (await run(key, (node) => node.ping())),
    info: async (key) => (await run(key, (node) => node.info())) as string,
    setting: async (key, name) => (await run(key, (node) => settingOf(node, name))) as string | undefined,
    async close() {
      closing.abort();
      await Promise.all(
        [...nodes.values()].map(async ({ redis }) => {
          redis.off("close", heal);
          if (redis.status === "ready") await redis.quit().catch(() => redis.disconnect());
          else redis.disconnect();
        }),
      );
      await healing;
    },
  };

  try {
    await refresh();
    for (const { at } of nodes.values()) {
      const first = await dial(access, at).catch(unlessAnswered);
      await (first && requireServer(first, "cluster").finally(() => first.disconnect()));
    }
    await Promise.all([...nodes.values()].map(({ opened }) => opened));
    return links;
  } catch (error) {
    await links.close();
    throw error;
  }
}

/** A primary that is away keeps nobody from the slots of the others; one that refuses us is as wrong as if all did. */
function unlessAnswered(error: unknown): undefined {
  if (error instanceof Error && error.name === "ReplyError") throw error;
}

/** Which primary serves which slots, as one node sees it. */
async function mapOf(redis: Redis, asked: HostPort): Promise<(readonly [number, number, HostPort])[]> {
  const answer = await Promise.race([
    redis.cluster("SLOTS"),
    pause(mapTimeoutMs, undefined, { ref: false }).then(() => {
      throw new Error(`${showHost(asked)} does not tell its map`);
    }),
  ]);
  return answer.map(([first, last, primary]) => [
    first,
    last,
    // A node that does not know its own name gives none: it is where it was asked.
    { host: primary?.[0] || asked.host, port: primary?.[1] ?? asked.port },
  ]);
}
