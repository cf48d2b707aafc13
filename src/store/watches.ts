import type { RedisLinks } from "./connection.js";
import { followFeeds, tailOf, toldBy } from "./feeds.js";
import { type KeySpace, keyOf } from "./keys.js";
import { type Change, StoreError, type WatchStore } from "./store.js";
import type { Zones } from "./zones.js";

/** A feed begins here. */
const feedStart = "0-0";
/** Entries that a feed keeps (FEED_KEPT in prelude.lua): of one that has fewer, none was ever trimmed. */
const feedKept = 200_000;

/** Called back with the number of the last event, of a run its revision, and whether a job only goes on. */
type Follower = (lastEvent: number, goesOn: boolean) => void;

/**
 * Live news, from a few blocking reads per process. A follower gets a hint, never the thing itself: it reads what it
 * wants at its own pace, and so costs the same however far it falls behind.
 */
export function createWatchStore(
  links: RedisLinks,
  keys: KeySpace,
  zones: Zones,
): WatchStore & { stop(): Promise<void> } {
  const redis = links.state;
  const byJob = new Map<string, Set<Follower>>();
  const byRun = new Map<string, Set<Follower>>();
  const everyone = new Set<() => void>();
  let feeds: ReturnType<typeof followFeeds> | undefined;

  /** Nothing is read before somebody follows. */
  function started(): void {
    feeds ??= followFeeds(
      { links, keys, zones },
      {
        news(jobs) {
          for (const { id, lastEvent, goesOn } of jobs)
            for (const changed of byJob.get(id) ?? []) changed(lastEvent, goesOn);
          for (const changed of everyone) changed();
        },
        runNews(runs) {
          for (const { id, lastEvent, goesOn } of runs)
            for (const changed of byRun.get(id) ?? []) changed(lastEvent, goesOn);
        },
        caughtUp() {
          for (const listeners of [...byJob.values(), ...byRun.values()])
            for (const changed of listeners) changed(Infinity, false);
          for (const changed of everyone) changed();
        },
      },
    );
  }

  function follow(followers: Map<string, Set<Follower>>, id: string, changed: Follower): () => void {
    started();
    let listeners = followers.get(id);
    if (!listeners) followers.set(id, (listeners = new Set()));
    listeners.add(changed);
    return () => {
      listeners.delete(changed);
      if (listeners.size === 0 && followers.get(id) === listeners) followers.delete(id);
    };
  }

  return {
    async epoch() {
      const key = keyOf(keys.installation, "epoch");
      const known = await redis.get(key);
      if (known !== null) return known;
      await redis.set(key, crypto.randomUUID().slice(0, 8), "NX");
      return (await redis.get(key)) ?? "";
    },
    onJob: (id, changed) => follow(byJob, id, changed),
    onRun: (id, changed) => follow(byRun, id, changed),
    onFeed(changed) {
      started();
      everyone.add(changed);
      return () => everyone.delete(changed);
    },
    async tails(wanted) {
      const all = [...(await zones.all()).keys()];
      const names = wanted ? all.filter((zone) => wanted.includes(zone)) : all;
      const ends = await Promise.all(names.map((zone) => tailOf(redis, keyOf(keys.zone(zone), "feed"))));
      return new Map(names.map((zone, i) => [zone, ends[i] ?? feedStart]));
    },
    async changes(zone, behind, limit) {
      const key = keyOf(keys.zone(zone), "feed");
      const [at, entries] = await Promise.all([
        // The feed's start is no entry, and stands before whatever is the oldest.
        behind === feedStart ? redis.xlen(key) : redis.xrange(key, behind, behind),
        redis.xrange(key, `(${behind}`, "+", "COUNT", limit),
      ]);
      // An entry that a follower stands on, and that is not there, was trimmed, or Redis came back without it: then what
      // it was told before need not be so, and what comes next may stand before it.
      const gone = typeof at === "number" ? at >= feedKept : at.length === 0;
      if (gone) {
        throw new StoreError("HISTORY_GONE", `the changes of zone ${zone} behind this cursor are gone`, { zone });
      }
      // An entry can tell of several jobs; a follower that stops between two of them is told of all of them again.
      let before = behind;
      return entries.flatMap(([position, fields]) => {
        const behindLast = before;
        before = position;
        return toldBy(fields).map(({ id, lastEvent }, i, all): Change => ({
          ...{ zone, job: id, event: lastEvent },
          position: i === all.length - 1 ? position : behindLast,
        }));
      });
    },
    async stop() {
      await feeds?.stop();
    },
  };
}
