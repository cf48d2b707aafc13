import { createApiKeyStore } from "./api-keys.js";
import {
  asStoreError,
  connectForFeed,
  connectForHints,
  connectForState,
  open,
  type RedisAddress,
} from "./connection.js";
import { createCredentialStore } from "./credentials.js";
import { createDeviceStore } from "./devices.js";
import { createJobStore } from "./jobs.js";
import { createKeySpace } from "./keys.js";
import { createLeaseStore } from "./leases.js";
import { createQueueStore } from "./queues.js";
import { createScripts } from "./scripts.js";
import type { Store } from "./store.js";
import { createUpkeepStore } from "./upkeep.js";
import { createWatchStore } from "./watches.js";
import { createWorkerStore } from "./workers.js";
import { createZones, defaultZone } from "./zones.js";

/** How to open the store. */
export interface RedisStoreOptions {
  readonly address: RedisAddress;
  /** Lets several installations share one Redis. Default "pm". */
  readonly prefix?: string;
  /** Monotonic milliseconds, for measuring. */
  readonly monotonic: () => number;
  /** Epoch milliseconds, for what no script decides. */
  readonly now: () => number;
  /** A simulation's clock in the place of the server's, for everything the scripts decide by time. */
  readonly scriptTimeMs?: () => number;
}

/** Opens the store. Three connections a process: state, hints, feed. STORE_UNAVAILABLE when Redis cannot be reached. */
export async function createRedisStore(options: RedisStoreOptions): Promise<Store> {
  const keys = createKeySpace(options.prefix ?? "pm");
  const state = connectForState(options.address);
  const hints = connectForHints(options.address);
  const feed = connectForFeed(options.address);
  await open(state, options.address);
  await Promise.all([open(hints, options.address), open(feed, options.address)]);

  const scripts = createScripts(state, options.scriptTimeMs);
  const zones = createZones(state, scripts, keys);
  await zones.ensure(defaultZone);
  const watches = createWatchStore(state, feed, keys, zones);

  return {
    jobs: guarded(createJobStore(state, scripts, keys, zones)),
    watches: guarded(watches),
    devices: guarded(createDeviceStore(state, scripts, keys)),
    queues: guarded(createQueueStore(state, scripts, keys)),
    credentials: guarded(createCredentialStore(state, scripts, keys)),
    apiKeys: guarded(createApiKeyStore(state, keys, options.now)),
    workers: guarded(createWorkerStore(state, keys, zones)),
    leases: guarded(createLeaseStore(hints, scripts, keys)),
    upkeep: guarded(createUpkeepStore(scripts, keys)),
    ...guarded({ zones: () => zones.all(), ensureZone: (name: string) => zones.ensure(name) }),
    async ping() {
      const before = options.monotonic();
      await state.ping().catch((error: unknown) => {
        throw asStoreError(error);
      });
      return options.monotonic() - before;
    },
    async close() {
      await watches.stop();
      hints.disconnect();
      await state.quit().catch(() => undefined);
    },
  };
}

/** Gives every asynchronous method of a part the store's own errors instead of the connection's. */
function guarded<T extends object>(part: T): T {
  const wrapped: Record<string, unknown> = {};
  for (const [name, method] of Object.entries(part) as [string, (...args: unknown[]) => unknown][]) {
    wrapped[name] = (...args: unknown[]) => {
      const result = method.apply(part, args);
      if (!(result instanceof Promise)) return result;
      return result.catch((error: unknown) => {
        throw asStoreError(error);
      });
    };
  }
  return wrapped as T;
}
