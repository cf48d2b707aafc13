import type { Redis } from "ioredis";
import { type KeySpace, keyOf } from "./keys.js";
import { type Change, StoreError, type WatchStore } from "./store.js";
import type { Zones } from "./zones.js";

/** How long one read of the feed blocks: news of a zone made meanwhile is seen after this at the latest. */
const blockMs = 1_000;

/** The stream ids of a feed: "<milliseconds>-<n>". */
export function isBehind(a: string, b: string): boolean {
  const [aTime = 0, aPart = 0] = a.split("-").map(Number);
  const [bTime = 0, bPart = 0] = b.split("-").map(Number);
  return aTime < bTime || (aTime === bTime && aPart < bPart);
}

/**
 * Live news, from one blocking read per process over all zones' feeds. A follower gets a hint, never the thing itself:
 * it reads what it wants at its own pace, and so costs the same however far it falls behind.
 */
export function createWatchStore(
  redis: Redis,
  feed: Redis,
  keys: KeySpace,
  zones: Zones,
): WatchStore & { stop(): Promise<void> } {
  const byJob = new Map<string, Set<() => void>>();
  const everyone = new Set<() => void>();
  let running: Promise<void> | undefined;
  let stopped = false;

  function hintAll(): void {
    for (const listeners of byJob.values()) for (const changed of listeners) changed();
    for (const changed of everyone) changed();
  }

  async function tail(zone: string): Promise<string> {
    const [last] = await redis.xrevrange(keyOf(keys.zone(zone), "feed"), "+", "-", "COUNT", 1);
    return last?.[0] ?? "0-0";
  }

  async function follow(): Promise<void> {
    const positions = new Map<string, string>();
    while (!stopped) {
      try {
        for (const zone of (await zones.all()).keys()) {
          if (!positions.has(zone)) positions.set(zone, await tail(zone));
        }
        const names = [...positions.keys()];
        const streams = names.map((zone) => keyOf(keys.zone(zone), "feed"));
        const news = await feed.xread(
          ...(["COUNT", 1_000, "BLOCK", blockMs, "STREAMS", ...streams, ...positions.values()] as [
            "COUNT",
            number,
            "BLOCK",
            number,
            "STREAMS",
            ...string[],
          ]),
        );
        for (const [stream, entries] of news ?? []) {
          const zone = names[streams.indexOf(stream)];
          const last = entries.at(-1)?.[0];
          if (zone !== undefined && last !== undefined) positions.set(zone, last);
          for (const [, fields] of entries) {
            const id = fields[1];
            if (id !== undefined) for (const changed of byJob.get(id) ?? []) changed();
          }
        }
        if (news) for (const changed of everyone) changed();
      } catch {
        if (stopped) return;
        // The connection was lost: news may have been missed, so everybody looks for themselves once it is back.
        await feed.ping().catch(() => undefined);
        positions.clear();
        hintAll();
      }
    }
  }

  function started(): void {
    running ??= follow();
  }

  return {
    async epoch() {
      const key = keyOf(keys.installation, "epoch");
      const known = await redis.get(key);
      if (known !== null) return known;
      await redis.set(key, crypto.randomUUID().slice(0, 8), "NX");
      return (await redis.get(key)) ?? "";
    },
    onJob(id, changed) {
      started();
      let listeners = byJob.get(id);
      if (!listeners) byJob.set(id, (listeners = new Set()));
      listeners.add(changed);
      return () => {
        listeners.delete(changed);
        if (listeners.size === 0 && byJob.get(id) === listeners) byJob.delete(id);
      };
    },
    onFeed(changed) {
      started();
      everyone.add(changed);
      return () => everyone.delete(changed);
    },
    async tails() {
      const names = [...(await zones.all()).keys()];
      const ends = await Promise.all(names.map(tail));
      return new Map(names.map((zone, i) => [zone, ends[i] ?? "0-0"]));
    },
    async changes(zone, behind, limit) {
      const key = keyOf(keys.zone(zone), "feed");
      const [[oldest], entries] = await Promise.all([
        redis.xrange(key, "-", "+", "COUNT", 1),
        redis.xrange(key, `(${behind}`, "+", "COUNT", limit),
      ]);
      // Something was trimmed behind the follower unless the entry it stands on, or one before it, is still there.
      if (behind !== "0-0" && oldest && isBehind(behind, oldest[0])) {
        throw new StoreError("HISTORY_GONE", `the changes of zone ${zone} behind this cursor are gone`, { zone });
      }
      return entries.map(([position, fields]): Change => ({
        zone,
        position,
        job: fields[1] ?? "",
        event: Number(fields[3] ?? 0),
      }));
    },
    async stop() {
      stopped = true;
      feed.disconnect();
      await running;
    },
  };
}
