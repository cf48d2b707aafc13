import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { startPrivateRedis } from "../../src/dev/private-redis.js";
import { createKeySpace, keyOf } from "../../src/store/keys.js";
import { createRedisStore } from "../../src/store/redis-store.js";
import { createCalendar } from "../../src/system/calendar.js";
import { createScripts } from "../../src/store/scripts.js";
import type { Store } from "../../src/store/store.js";

/** A store on a Redis of its own, whose scripts see the time that the test gives them. */
export interface TestStore {
  /** Its workers are seen by a server, and written down by another, as soon as they register. */
  readonly store: Store;
  /** The same store where nobody looks. */
  readonly unwatched: Store;
  /** For looking at what the scripts left behind. */
  readonly redis: Redis;
  readonly address: string;
  /** The scripts' time in milliseconds. Starts at a fixed date and moves only by the test's hand. */
  readonly time: { now: number };
  /** Begins anew with an empty store. */
  empty(): Promise<void>;
  /** Everything in Redis, by key, in a form that compares. */
  dump(): Promise<Record<string, unknown>>;
  close(): Promise<void>;
}

/** Starts a private Redis and opens a store on it. `realTime`: the scripts use the server's clock. */
export async function openTestStore(
  options: { readonly realTime?: boolean; readonly extraArgs?: readonly string[] } = {},
): Promise<TestStore> {
  const dir = await mkdtemp(join(tmpdir(), "pm-store-"));
  const server = await startPrivateRedis({ dir, appendOnly: false, extraArgs: options.extraArgs ?? [] });
  const time = { now: Date.UTC(2030, 0, 1) };
  const redis = new Redis({ path: server.socketPath });
  const store = await createRedisStore({
    calendar: createCalendar(),
    address: server.socketPath,
    now: () => time.now,
    monotonic: () => performance.now(),
    ...(options.realTime ? {} : { scriptTimeMs: () => time.now }),
  });
  const scripts = createScripts(redis, () => time.now);
  return {
    unwatched: store,
    store: {
      ...store,
      leases: {
        ...store.leases,
        async register(worker) {
          const answer = await store.leases.register(worker);
          await see(store, worker.zone);
          await redis.sadd(keyOf(createKeySpace("pm").zone(worker.zone), "witnesses"), worker.name);
          return answer;
        },
      },
    },
    redis,
    address: server.socketPath,
    time,
    async empty() {
      await redis.flushall();
      await store.ensureZone("default");
      await scripts.run("reconcile", createKeySpace("pm").zone("default"), 0, "");
    },
    dump: () => dumpOf(redis),
    async close() {
      await store.close();
      redis.disconnect();
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** What a server does that looks at a zone: it remembers the workers there, and says that it does. */
export async function see({ upkeep }: Pick<Store, "upkeep">, zone: string): Promise<void> {
  const gate = await upkeep.reconcile(zone);
  if ("roster" in gate) await upkeep.reconcile(zone, { roster: gate.roster });
}

async function dumpOf(redis: Redis): Promise<Record<string, unknown>> {
  const all: Record<string, unknown> = {};
  for (const key of (await redis.keys("*")).sort()) {
    switch (await redis.type(key)) {
      case "hash":
        all[key] = await redis.hgetall(key);
        break;
      case "zset":
        all[key] = await redis.zrange(key, "0", "-1", "WITHSCORES");
        break;
      case "set":
        all[key] = (await redis.smembers(key)).sort();
        break;
      case "list":
        all[key] = await redis.lrange(key, 0, -1);
        break;
      case "string":
        all[key] = await redis.get(key);
        break;
      default:
        // Stream ids carry the server's own time; their number is what can be compared.
        all[key] = await redis.xlen(key);
    }
  }
  return all;
}
