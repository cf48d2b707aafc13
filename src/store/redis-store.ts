import { createApiKeyStore } from "./api-keys.js";
import type { Calendar } from "../domain/calendar.js";
import type { RedisLinks } from "./connection.js";
import { askServers, createConditionStore } from "./condition.js";
import { createContactStore } from "./contacts.js";
import { createCopies, type Replication } from "./copies.js";
import { createCredentialStore } from "./credentials.js";
import { createDeviceStore } from "./devices.js";
import { createFitness, type Demand } from "./fitness.js";
import { createFsck } from "./fsck.js";
import { createJobStore } from "./jobs.js";
import { createKeySpace } from "./keys.js";
import { openLeaseStore } from "./leases.js";
import { openRedis } from "./open-redis.js";
import { createPolicyStore } from "./policies.js";
import { createQueueStore } from "./queues.js";
import type { RedisUrl } from "./redis-place.js";
import { createRunStore } from "./runs.js";
import { createScheduleStore } from "./schedules.js";
import { openSchema } from "./schema.js";
import { type AroundScript, createScripts } from "./scripts.js";
import { asStoreError } from "./connection-errors.js";
import { type Holder, type Store, StoreError, type StoreObserver } from "./store.js";
import { createTaskTypeStore } from "./task-types.js";
import { createUpkeepStore } from "./upkeep.js";
import { createWatchStore } from "./watches.js";
import { createWebhookStore } from "./webhooks.js";
import { createWorkerStore } from "./workers.js";
import { defaultZone } from "../domain/work-place.js";
import { createZones } from "./zones.js";

/** How to open the store. */
export interface RedisStoreOptions {
  readonly address: RedisUrl;
  /** Lets several installations share one Redis. Default "pm". */
  readonly prefix?: string;
  /** Monotonic milliseconds, for measuring. */
  readonly monotonic: () => number;
  /** Epoch milliseconds, for what no script decides. */
  readonly now: () => number;
  /** What recurring times of change windows are worked out with. */
  readonly calendar: Calendar;
  /** A simulation's clock in the place of the server's, for everything the scripts decide by time. */
  readonly scriptTimeMs?: () => number;
  /** What Redis' settings must be for work that must not run twice. Default: nothing is asked. */
  readonly demand?: Demand;
  /** Which replicas work is waited for with that is to be known to them. Default: one, for a second. */
  readonly replication?: Replication;
  /** Is told of every call of a script: its name, milliseconds it took, and the reason it failed for, if it did. */
  readonly observe?: StoreObserver;
}

/**
 * Opens the store. Connections of a process: one for state to each primary, one for hints, and those of the feeds once
 * somebody watches. STORE_UNAVAILABLE when Redis cannot be used, SchemaError when its content is not for this version.
 */
export async function createRedisStore(options: RedisStoreOptions): Promise<Store> {
  const links = await openRedis(options.address);
  try {
    return await openOn(links, options);
  } catch (error) {
    await links.close();
    throw asStoreError(error);
  }
}

async function openOn(links: RedisLinks, options: RedisStoreOptions): Promise<Store> {
  const keys = createKeySpace(options.prefix ?? "pm");
  const { state } = links;
  const scripts = createScripts(state, options.scriptTimeMs, aroundOf(options));
  await openSchema(state, scripts, keys);
  const zones = createZones(state, scripts, keys);
  const watches = createWatchStore(links, keys, zones);
  const leases = await openLeaseStore(links, scripts, keys);
  const copies = createCopies(links, keys, options.replication ?? { replicas: 1, withinMs: 1_000 });
  const upkeep = createUpkeepStore(scripts, keys);
  const devices = createDeviceStore(state, scripts, keys);
  const { calendar, now, monotonic } = options;
  const fitness = createFitness(
    options.demand,
    () => askServers(links, keys, { zones, scripts, monotonic }),
    monotonic,
  );
  const policies = createPolicyStore({ redis: state, scripts, keys, zones, devices, calendar, now });

  const webhooks = createWebhookStore({ redis: state, scripts, keys, zones });

  /** A zone that nobody has known before has nothing to be reconciled with: its first user opens it. */
  const opened = new Set<string>();
  async function ensureZone(name: string): Promise<number> {
    const number = await zones.ensure(name);
    if (!opened.has(name)) {
      await upkeep.reconcile(name);
      await policies.keep(name);
      await webhooks.keep(name);
    }
    opened.add(name);
    return number;
  }
  // Where its primary alone is away, whoever uses it opens it later.
  await ensureZone(defaultZone).catch((error: unknown) => {
    const known = asStoreError(error);
    if (!(known instanceof StoreError) || known.reason !== "STORE_UNAVAILABLE") throw error;
  });

  return {
    jobs: guarded(fitness.guardJobs(copies.guardJobs(createJobStore(state, scripts, keys, zones)))),
    watches: guarded(watches),
    devices: guarded(devices),
    policies: guarded(policies),
    queues: guarded(createQueueStore(state, scripts, keys)),
    runs: guarded({
      ...createRunStore(state, scripts, keys),
      replicated: (id: string) => copies.confirm(keys.installation, { kind: "run", id }),
    }),
    credentials: guarded(createCredentialStore(state, scripts, keys)),
    apiKeys: guarded(createApiKeyStore(state, keys, options.now)),
    workers: guarded(createWorkerStore(state, scripts, keys, zones)),
    leases: guarded(
      fitness.guardLeases({
        ...leases,
        replicated: ({ zone, job, fence }: Holder) =>
          copies.confirm(keys.zone(zone), { kind: "intent", id: job, fence }),
      }),
    ),
    schedules: guarded(createScheduleStore(state, scripts, keys)),
    webhooks: guarded(webhooks),
    contacts: guarded(createContactStore(state, scripts, keys)),
    taskTypes: guarded(createTaskTypeStore(state, keys, zones)),
    upkeep: guarded(upkeep),
    fsck: guarded(createFsck({ scripts, keys, dial: (key) => links.dial(key) })),
    condition: guarded(createConditionStore(fitness, scripts, keys)),
    ...guarded({ zones: () => zones.all(), ensureZone }),
    async ping() {
      const before = options.monotonic();
      await links.ping(keys.installation).catch((error: unknown) => {
        throw asStoreError(error);
      });
      return options.monotonic() - before;
    },
    async close() {
      copies.stop();
      await watches.stop();
      await leases.stop();
      await links.close();
    },
  };
}

/** Times every call of a script for whoever wants to know; undefined when nobody does. */
function aroundOf({ observe, monotonic }: RedisStoreOptions): AroundScript | undefined {
  if (!observe) return undefined;
  return async (name, call) => {
    const before = monotonic();
    try {
      const reply = await call();
      observe(name, monotonic() - before);
      return reply;
    } catch (error) {
      const known = asStoreError(error);
      observe(name, monotonic() - before, known instanceof StoreError ? known.reason : "UNKNOWN");
      throw error;
    }
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
