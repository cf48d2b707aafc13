import { randomUUID } from "node:crypto";
import { lookup } from "node:dns/promises";
import { hostname, tmpdir } from "node:os";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import { observeTogether } from "../api/calls/call-observer.js";
import { type ApiServer, createApiServer } from "../api/api-server.js";
import { type Config, ConfigError } from "../config.js";
import { createSshConnector, installedPlatforms } from "../device/index.js";
import { createSwitch, type Service } from "../domain/service.js";
import { createMetricsListener } from "../observe/metrics-listener.js";
import { gaugeHealth } from "../observe/gauged-health.js";
import { measureCalls } from "../observe/measured-calls.js";
import { measureConnections } from "../observe/measured-connections.js";
import { measureJournals } from "../observe/measured-journals.js";
import { measureLeases } from "../observe/measured-leases.js";
import { measureWebhooks } from "../observe/measured-webhooks.js";
import { measureRedis } from "../observe/measured-redis.js";
import { traceAttempts } from "../observe/traced-attempts.js";
import { traceCalls } from "../observe/traced-calls.js";
import { startTracing, type Tracing } from "../observe/tracing.js";
import { createMetricsRegistry } from "../observe/registry.js";
import { gaugeWorker } from "../observe/worker-gauges.js";
import type { AddressRule } from "../outbound/address-rule.js";
import { createOutbound, type Outbound } from "../outbound/outbound.js";
import { createPolicyKeeper } from "../scheduler/policy-keeper.js";
import { createReconciler } from "../scheduler/reconciler.js";
import { createDescribeEvents } from "../api/webhooks/webhook-payload.js";
import { createRunStarter } from "../api/schedules/schedule-starter.js";
import { createChildJobs } from "../api/jobs/child-jobs.js";
import type { JobCreation } from "../api/jobs/job-wish.js";
import { createRunJobs } from "../api/runs/run-jobs.js";
import { createRunDriver } from "../scheduler/run-driver.js";
import { createRunEnds, createRunRetention } from "../scheduler/run-ends.js";
import { createScheduleLoop } from "../scheduler/schedules.js";
import { createWebhookDeliveries } from "../scheduler/webhook-deliveries.js";
import { createWebhookEvents } from "../scheduler/webhook-events.js";
import { createDueLoop, createReaper, createRetentionLoop } from "../scheduler/upkeep.js";
import { createSealer, type Sealer } from "../secrets/sealer.js";
import { loadSealingKey } from "../secrets/sealing-key.js";
import type { Demand } from "../store/fitness.js";
import { createRedisStore } from "../store/redis-store.js";
import type { RetentionRule, Store, StoreObserver } from "../store/store.js";
import { createCalendar } from "../system/calendar.js";
import { systemClock } from "../system/clock.js";
import { createLoopDelay, watchLoopDelay } from "../system/loop-delay.js";
import { systemRandom } from "../system/random.js";
import { isRunning } from "../system/processes.js";
import { systemPrograms } from "../system/programs.js";
import { createTaskThreads } from "../tasks/threads.js";
import { version } from "../version.js";
import type { Journals } from "../worker/journal.js";
import { createJournals } from "../worker/journals.js";
import type { Tools } from "../worker/tools.js";
import { createWorker, type Worker, type WorkerOptions } from "../worker/worker.js";
import { readCertificate } from "./certificate.js";
import { liveAddressRule } from "./live-config.js";
import { createPlatformCatalogue } from "./platform-catalogue.js";
import type { PrepareReload } from "./reload-signal.js";

/** What both processes stand on. */
export interface Base {
  readonly config: Config;
  readonly logger: Logger;
  readonly store: Store;
  readonly sealer: Sealer;
  /** What is measured in this process. */
  readonly metrics: Registry;
  readonly tracing: Tracing | undefined;
  /** Sends the last spans and lets Redis go. */
  close(): Promise<void>;
}

const now = (): number => systemClock.now();

/** `demand`: what is asked of Redis' settings; nothing of a command that only looks or mends. */
export function openStore(config: Config, observe?: StoreObserver, demand?: Demand): Promise<Store> {
  return createRedisStore({
    ...(observe && { observe }),
    ...(demand && { demand }),
    replication: { replicas: config.replicas, withinMs: config.replicaTimeoutMs },
    address: config.redisUrl,
    prefix: config.redisPrefix,
    now,
    monotonic: () => systemClock.monotonic(),
    calendar: createCalendar(),
  });
}

/**
 * The store of a server or a worker. Throws ConfigError with all that is wrong with how Redis is set. Primaries of a cluster
 * that are away are judged when they are back: until then their zones stand still.
 */
export async function openFitStore(config: Config, observe?: StoreObserver): Promise<Store> {
  const store = await openStore(config, observe, config.allowRelaxedDurability ? "relaxed" : "durable");
  try {
    const unfit = (await store.condition.reachable()).flatMap((server) => server.unfit);
    if (unfit.length > 0) throw new ConfigError([...new Set(unfit)].map((why) => `Redis is not fit: ${why}`));
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Opens the store and the sealing key. `createKey` makes a missing key file, for the embedded stack. */
export async function openBase(config: Config, logger: Logger, createKey = false): Promise<Base> {
  const key = await loadSealingKey({
    ...(config.sealingKey === undefined ? {} : { env: config.sealingKey }),
    ...(config.sealingKeyFile === undefined ? {} : { file: config.sealingKeyFile }),
    ...(createKey ? { create: systemRandom } : {}),
  });
  const sealer = createSealer({ key, random: systemRandom });
  const metrics = createMetricsRegistry(version);
  const store = await openFitStore(config, measureRedis(metrics));
  const tracing = await startTracing("pointsman", version, process.env);
  return {
    ...{ config, logger, sealer, metrics, tracing, store },
    async close() {
      await tracing?.stop().catch((error: unknown) => logger.warn({ err: error }, "the last spans could not be sent"));
      await store.close();
    },
  };
}

/** A server that listens, with its background loops. */
export interface RunningServer extends Service {
  /** Reads the certificate of new settings; the next connections get it. */
  readonly prepareReload: PrepareReload;
  /** Where it listens, once started. */
  address(): { readonly host: string; readonly port: number };
}

/** The metrics' own listener, where one is configured. */
export function assembleMetrics({ config, metrics }: Base): Service[] {
  const { metricsHost: host, metricsPort: port } = config;
  return port === undefined ? [] : [createMetricsListener(metrics, { host, port })];
}

export function assembleServer({ config, logger, store, sealer, metrics, tracing }: Base): RunningServer {
  const parts = { store, clock: systemClock, logger };
  const rule = retentionOf(config);
  const creation = creationOf(config, { store, sealer }, installedPlatforms(config.platformsDir, systemClock.now()));
  const addresses = liveAddressRule(config);
  const calendar = createCalendar();
  const starter = createRunStarter(creation);
  const loops = [
    createReconciler(parts),
    createDueLoop(parts),
    createReaper(parts),
    createRetentionLoop(parts, rule),
    createRunDriver({ ...parts, server: randomUUID(), makeJobs: createRunJobs(creation) }),
    createRunEnds(parts),
    createScheduleLoop({ ...parts, starter, calendar }),
    createRunRetention(parts, rule),
    createPolicyKeeper(parts),
    createWebhookEvents({ ...parts, describe: createDescribeEvents(store) }),
    createWebhookDeliveries({
      ...{ ...parts, sealer, random: systemRandom, outbound: outboundOf(addresses) },
      store: { webhooks: measureWebhooks(store.webhooks, metrics) },
    }),
  ];
  const calls = observeTogether([measureCalls(metrics), ...(tracing ? [traceCalls(tracing.tracer)] : [])]);
  const metricsText = async () => ({ text: await metrics.metrics(), contentType: metrics.contentType });
  let server: ApiServer | undefined;
  gaugeHealth(() => server?.health(), metrics);
  let address = { host: config.host, port: config.port };
  async function takeDown(up: ApiServer): Promise<void> {
    await up.close(config.drainSeconds * 1000);
    for (const loop of loops) await loop.stop();
  }

  const { start, stop } = createSwitch(async () => {
    const tls = await readCertificate(config);
    const up = createApiServer({
      ...{ ...creation, calendar, addresses },
      logger,
      version,
      defaultHostKeyPolicy: config.hostKeyPolicy,
      calls,
      ...(config.metricsPort === undefined ? { metrics: metricsText } : {}),
      ...(tls ? { tls } : {}),
    });
    server = up;
    try {
      address = await up.listen({ host: config.host, port: config.port });
      for (const loop of loops) await loop.start();
    } catch (error) {
      await takeDown(up);
      throw error;
    }
    logger.info(address, "server ready");
    return () => takeDown(up);
  });
  return {
    ...{ address: () => address, start, stop },
    async prepareReload(next) {
      const tls = config.tlsCertificate === undefined ? undefined : await readCertificate(next);
      return () => tls && server?.renewTls(tls);
    },
  };
}

/** What creating jobs needs: in a server for callers, in a worker for tasks. */
function creationOf(
  config: Config,
  { store, sealer }: Pick<Base, "store" | "sealer">,
  platforms: ReturnType<typeof installedPlatforms>,
): JobCreation {
  return {
    ...{ store, sealer, clock: systemClock, random: systemRandom },
    platforms: createPlatformCatalogue(platforms),
    forbidInlineEndpoints: config.forbidInlineEndpoints,
    replicateByDefault: config.durability === "replicated",
  };
}

/** What is kept for how long, by what the settings say when it is asked. */
function retentionOf(config: Config): RetentionRule {
  return {
    get succeededMs() {
      return config.keepSucceededHours * 3_600_000;
    },
    get failedMs() {
      return config.keepFailedHours * 3_600_000;
    },
    get jobs() {
      return config.keepJobs;
    },
    get outputBytes() {
      return config.keepOutputMegabytes * 1_000_000;
    },
  };
}

/** The journals on this machine. */
export function journalsOf({ journalDir }: Config): Journals {
  return createJournals({ dir: journalDir, hostname: hostname(), pid: process.pid, now, isAlive: isRunning });
}

/** Calls URLs that others name, as far as the rule allows. */
function outboundOf(rule: AddressRule): Outbound {
  const resolve = (host: string) => lookup(host, { all: true, verbatim: true });
  return createOutbound({ clock: systemClock, rule, resolve });
}

/** What a worker does work without a device with. */
function toolsOf(config: Config, creation: JobCreation): Tools {
  const { PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" } = process.env;
  return {
    programs: systemPrograms,
    get shellCommands() {
      return config.shellCommands;
    },
    node: nodeOf(config),
    tasks: createTaskThreads({
      clock: systemClock,
      modules: config.taskModules.map((path) => pathToFileURL(resolve(path)).href),
      threads: config.taskThreads,
      memoryMegabytes: config.taskMemoryMegabytes,
      env: environmentOfTasks(process.env),
    }),
    children: createChildJobs(creation),
    programHome: { env: { PATH, HOME: tmpdir(), LANG: "C.UTF-8" }, directory: tmpdir() },
    outbound: outboundOf(liveAddressRule(config)),
  };
}

/** What tasks may see of the environment: all but our own settings, some of which are secret. */
function environmentOfTasks(env: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  const open = Object.entries(env).filter(([name, value]) => value !== undefined && !name.startsWith("POINTSMAN_"));
  return Object.fromEntries(open) as Record<string, string>;
}

function nodeOf({ node }: Config): string {
  return node ?? nodeName(hostname());
}

/** A host's name as a node's: what no node's name may hold is a dash there. */
function nodeName(host: string): string {
  return host.replaceAll(/[^A-Za-z0-9._-]+/g, "-").replaceAll(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, "") || "node";
}

/** `ports` take the place of the real ones: that is where tests of crashes cut in. */
export function assembleWorker(
  { config, logger, store, sealer, metrics, tracing }: Base,
  ports: Partial<Pick<WorkerOptions, "journals" | "connect">> = {},
): Worker {
  const measured = {
    leases: measureLeases(store.leases, metrics, () => systemClock.monotonic()),
    connect: measureConnections(ports.connect ?? createSshConnector(systemClock).connect, metrics),
  };
  const traced = tracing && traceAttempts(tracing.tracer, now);
  const platforms = installedPlatforms(config.platformsDir, systemClock.now());
  const worker = createWorker({
    store: { ...store, leases: traced?.leases(measured.leases) ?? measured.leases },
    sealer,
    logger,
    version,
    clock: systemClock,
    random: systemRandom,
    platforms,
    journals: measureJournals(ports.journals ?? journalsOf(config), metrics),
    connect: traced?.connect(measured.connect) ?? measured.connect,
    hostname: hostname(),
    node: nodeOf(config),
    pid: process.pid,
    tools: toolsOf(config, creationOf(config, { store, sealer }, platforms)),
    zones: config.zones,
    capacity: config.capacity,
    labels: config.labels ?? {},
    loopDelayMs: createLoopDelay(),
    defaultHostKeyPolicy: config.hostKeyPolicy,
    ...(config.sshAgent === undefined ? {} : { sshAgent: config.sshAgent }),
    siteLabel: config.siteLabel,
    siteConnectsPerMinute: config.siteConnectsPerMinute,
    maxHandshakes: config.maxHandshakes,
    loopP99Ms: watchLoopDelay(),
    get drainMs() {
      return config.drainSeconds * 1000;
    },
  });
  gaugeWorker(worker, config.capacity, metrics);
  return worker;
}
