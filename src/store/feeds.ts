import { setMaxListeners } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import type { Redis } from "ioredis";
import type { RedisLinks, StoreConnection } from "./connection.js";
import { type KeySpace, keyOf } from "./keys.js";
import { backoff } from "./node-connection.js";
import type { Zones } from "./zones.js";

/** How long one read of a feed blocks, and how often zones are looked for: a new zone's news begin to flow after it. */
const blockMs = 1_000;
/** How long a feed is left alone behind news where more comes than a read in that time, with so many reads to spare. */
const gatherMs = 1;
const readsToSpare = 3;

/** What an entry of a feed tells of one job or run. */
export interface Told {
  readonly id: string;
  /** The number of its last event. */
  readonly lastEvent: number;
  /** With that event it was not over: it was begun, or has printed something. */
  readonly goesOn: boolean;
}

/** What an entry tells: ids and the numbers of their last events, in turn; see `tell` in prelude.lua. */
export function toldBy(fields: readonly string[]): Told[] {
  const told: Told[] = [];
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const number = Number(fields[i + 1]);
    told.push({ id: fields[i]!, lastEvent: Math.abs(number), goesOn: number < 0 });
  }
  return told;
}

/** What a follower of the feeds is told. */
export interface FeedListener {
  /** These jobs have news. */
  news(jobs: readonly Told[]): void;
  /** These runs have news. */
  runNews(runs: readonly Told[]): void;
  /** From here on no news is missed; what was before may have been, so everybody looks for themselves. */
  caughtUp(): void;
}

/** Where a feed ends now. */
export async function tailOf(redis: StoreConnection, feed: string): Promise<string> {
  const [last] = await redis.xrevrange(feed, "+", "-", "COUNT", 1);
  return last?.[0] ?? "0-0";
}

interface Parts {
  readonly links: RedisLinks;
  readonly keys: KeySpace;
  readonly zones: Zones;
}

/**
 * Follows the feeds of all zones, and the installation's own of runs, with blocking reads: one for all where Redis lets
 * one command read them, and in a cluster, where a command keeps to one slot, one for each zone. A connection that
 * fails is replaced by one to wherever the feed is then.
 */
export function followFeeds({ links, keys, zones }: Parts, listener: FeedListener): { stop(): Promise<void> } {
  const readers = new Map<string, Promise<void>>();
  const open = new Set<Redis>();
  const stopping = new AbortController();
  const { signal } = stopping;
  // As many listen as there are groups of feeds.
  setMaxListeners(0, signal);
  /** The feeds that there are. */
  let known: readonly string[] = [];
  const runs = keyOf(keys.installation, "feed");
  const rest = (ms: number): Promise<void> => pause(ms, undefined, { signal, ref: false }).catch(() => undefined);

  /** Reads the feeds that can be read together, on one connection, until that breaks. */
  async function readOn(connection: Redis, group: string): Promise<void> {
    const positions = new Map<string, string>();
    let spare = readsToSpare;
    let readAt = performance.now();
    while (!signal.aborted) {
      const added = known.filter((feed) => links.together(feed) === group && !positions.has(feed));
      for (const feed of added) positions.set(feed, await tailOf(links.state, feed));
      if (added.length > 0) listener.caughtUp();
      const streams = [...positions.keys(), ...positions.values()];
      const news = await connection.xread("COUNT", 1_000, "BLOCK", blockMs, "STREAMS", ...streams);
      for (const [stream, entries] of news ?? []) {
        const last = entries.at(-1)?.[0];
        if (last !== undefined) positions.set(stream, last);
        const told = entries.flatMap(([, fields]) => toldBy(fields));
        if (String(stream) === runs) listener.runNews(told);
        else listener.news(told);
      }
      if (!news) continue;
      // The end of a job that runs alone is told at once; of many, what comes close together is read together.
      const now = performance.now();
      spare = Math.min(spare + (now - readAt) / gatherMs, readsToSpare) - 1;
      readAt = now;
      if (spare < 0) await rest(gatherMs);
    }
  }

  async function read(group: string, key: string): Promise<void> {
    for (let tries = 0; !signal.aborted; tries++) {
      let connection: Redis | undefined;
      try {
        connection = await links.dial(key);
        open.add(connection);
        tries = 0;
        await readOn(connection, group);
      } catch {
        await rest(backoff(tries));
      } finally {
        connection?.disconnect();
        if (connection) open.delete(connection);
      }
    }
  }

  async function lookForZones(): Promise<void> {
    while (!signal.aborted) {
      known = await zones.all().then(
        (all) => [runs, ...[...all.keys()].map((zone) => keyOf(keys.zone(zone), "feed"))],
        () => known,
      );
      for (const feed of known) {
        const group = links.together(feed);
        if (!readers.has(group)) readers.set(group, read(group, feed));
      }
      await rest(blockMs);
    }
  }

  const looking = lookForZones();
  return {
    async stop() {
      stopping.abort();
      for (const connection of open) connection.disconnect();
      await looking;
      await Promise.all(readers.values());
    },
  };
}
