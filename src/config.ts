import { readFileSync } from "node:fs";
import { parse as parseYaml } from "yaml";
import {
  string,
  optionalString,
  redisUrl,
  whole,
  choice,
  yesNo,
  names,
  labels,
  words,
  networks,
  nodeName,
} from "./setting-readers.js";
import { type LogLevel, logLevels } from "./telemetry/logger.js";

/** How one setting is read and what it means. */
interface Setting<T> {
  /** Where it stands in the file: "server.host" is `host` under `server`. */
  readonly path: string;
  readonly env: string;
  readonly fallback: T;
  /** Throws what is wrong, as the rest of a sentence: "must be a whole number". */
  readonly read: (value: unknown) => T;
  /** What it does, with unit and default. */
  readonly meaning: string;
  /** How it is shown where secrets may not be. Default: as it is. */
  readonly mask?: (value: string) => string;
}

/** In the place of a secret. */
const masked = "********";

/** A URL without the passwords in it. */
function maskPasswords(url: string): string {
  return url.replace(/^([a-z-]+:\/\/[^:@/?]*:)[^/?]+@/, `$1${masked}@`).replace(/(password=)[^&]*/g, `$1${masked}`);
}

function setting<T>(
  path: string,
  env: string,
  fallback: T,
  read: (value: unknown) => T,
  meaning: string,
  mask?: (value: string) => string,
): Setting<T> {
  return { path, env, fallback, read, meaning, ...(mask && { mask }) };
}

/** Every setting there is. */
export const settings = {
  redisUrl: setting(
    "redis.url",
    "POINTSMAN_REDIS_URL",
    "redis://127.0.0.1:6379",
    redisUrl,
    "Where Redis or Valkey is: redis://, rediss:// or unix:// URL, path of a unix socket, redis-sentinel://host,host/name or redis-cluster://host,host (rediss-… for TLS). All forms: deploy/redis/README.md.",
    maskPasswords,
  ),
  redisPrefix: setting("redis.prefix", "POINTSMAN_REDIS_PREFIX", "pm", string, "Lets installations share one Redis."),
  allowRelaxedDurability: setting(
    "redis.allow_relaxed_durability",
    "POINTSMAN_ALLOW_RELAXED_DURABILITY",
    false,
    yesNo,
    "Accepts a Redis that can lose what it acknowledged last, or does not tell whether it can: not appendonly yes with appendfsync always (deploy/redis/README.md).",
  ),
  durability: setting(
    "redis.durability",
    "POINTSMAN_DURABILITY",
    "local",
    choice("local", "replicated"),
    "What has to know of a job that does not say so itself, before it is accepted and before its change is sent: the primary (local), or replicas too (replicated).",
  ),
  replicas: setting(
    "redis.replicas",
    "POINTSMAN_REPLICAS",
    1,
    whole(1, 10),
    "How many replicas have to acknowledge replicated work.",
  ),
  replicaTimeoutMs: setting(
    "redis.replica_timeout_ms",
    "POINTSMAN_REPLICA_TIMEOUT_MS",
    1_000,
    whole(10, 5_000),
    "How long they may take, in milliseconds.",
  ),
  host: setting("server.host", "POINTSMAN_HOST", "127.0.0.1", string, "Address the server listens on."),
  port: setting(
    "server.port",
    "POINTSMAN_PORT",
    9000,
    whole(0, 65_535),
    "Port the server listens on; 0 takes a free one.",
  ),
  tlsCertificate: setting<string | undefined>(
    "server.tls_certificate",
    "POINTSMAN_TLS_CERTIFICATE",
    undefined,
    optionalString,
    "File with the certificate chain in PEM. Without it the server speaks clear text.",
  ),
  tlsKey: setting<string | undefined>(
    "server.tls_key",
    "POINTSMAN_TLS_KEY",
    undefined,
    optionalString,
    "File with the certificate's private key in PEM.",
  ),
  forbidInlineEndpoints: setting(
    "server.forbid_inline_endpoints",
    "POINTSMAN_FORBID_INLINE_ENDPOINTS",
    false,
    yesNo,
    "Refuses jobs for devices that are not in the inventory.",
  ),
  drainSeconds: setting(
    "drain_seconds",
    "POINTSMAN_DRAIN_SECONDS",
    30,
    whole(0, 86_400),
    "How long a stopping worker lets running jobs finish, and a stopping server open calls, in seconds.",
  ),
  sealingKey: setting<string | undefined>(
    "sealing_key",
    "POINTSMAN_SEALING_KEY",
    undefined,
    optionalString,
    "The key that secrets are sealed with: 32 bytes as base64 or hexadecimal. Best left out of files that others read.",
    () => masked,
  ),
  sealingKeyFile: setting<string | undefined>(
    "sealing_key_file",
    "POINTSMAN_SEALING_KEY_FILE",
    undefined,
    optionalString,
    "File with the sealing key, mode 0600.",
  ),
  platformsDir: setting<string | undefined>(
    "platforms_dir",
    "POINTSMAN_PLATFORMS_DIR",
    undefined,
    optionalString,
    "Folder with definitions of platforms (docs/platforms.md), read at start by servers and workers; one of the same name stands in the place of ours.",
  ),
  hostKeyPolicy: setting(
    "host_key_policy",
    "POINTSMAN_HOST_KEY_POLICY",
    "strict",
    choice("strict", "accept-new"),
    "How unknown host keys are met where a device does not say: strict, or accept-new (the first one is kept).",
  ),
  zones: setting<readonly string[]>(
    "worker.zones",
    "POINTSMAN_ZONES",
    ["default"],
    names,
    "The zones a worker serves.",
  ),
  node: setting<string | undefined>(
    "worker.node",
    "POINTSMAN_NODE",
    undefined,
    nodeName,
    "The name of the machine a worker runs on, as jobs for a node call it. Without it: the host name.",
  ),
  shellCommands: setting<readonly string[]>(
    "worker.shell_commands",
    "POINTSMAN_SHELL_COMMANDS",
    [],
    words,
    'Programs that jobs may run on a worker\'s node, as a job\'s first word names them: "echo", "/usr/bin/uptime". "*" allows all. None by default.',
  ),
  taskModules: setting<readonly string[]>(
    "worker.task_modules",
    "POINTSMAN_TASK_MODULES",
    [],
    words,
    "Files of the modules whose tasks a worker runs, from its working directory: ./tasks/audit.js. None by default.",
  ),
  taskThreads: setting(
    "worker.task_threads",
    "POINTSMAN_TASK_THREADS",
    16,
    whole(1, 1_000),
    "Tasks with a device that a worker runs at a time, each in a thread, and as many without; others wait.",
  ),
  taskMemoryMegabytes: setting(
    "worker.task_memory_megabytes",
    "POINTSMAN_TASK_MEMORY_MEGABYTES",
    128,
    whole(16, 16_384),
    "What the heap of a task's thread may hold, in megabytes; a task that needs more ends with TASK_CRASHED.",
  ),
  allowAddresses: setting<readonly string[]>(
    "http.allow_addresses",
    "POINTSMAN_HTTP_ALLOW_ADDRESSES",
    [],
    networks,
    "Addresses and networks that http jobs and webhooks may call although they are not of the public internet, such as 10.1.0.0/16.",
  ),
  allowHosts: setting<readonly string[]>(
    "http.allow_hosts",
    "POINTSMAN_HTTP_ALLOW_HOSTS",
    [],
    words,
    "The only hosts that http jobs and webhooks may call: names, or *.example.com for all below one. All by default.",
  ),
  capacity: setting(
    "worker.capacity",
    "POINTSMAN_CAPACITY",
    1_000,
    whole(1, 100_000),
    "Jobs a worker runs at a time; tasks that wait for jobs of their own take no place.",
  ),
  labels: setting<Readonly<Record<string, string>> | undefined>(
    "worker.labels",
    "POINTSMAN_WORKER_LABELS",
    undefined,
    labels,
    "What a worker says of itself, for people: site=fra,rack=7; a list in the file.",
  ),
  siteLabel: setting(
    "worker.site_label",
    "POINTSMAN_SITE_LABEL",
    "site",
    string,
    "The label of devices that says at which site they stand.",
  ),
  siteConnectsPerMinute: setting(
    "worker.site_connects_per_minute",
    "POINTSMAN_SITE_CONNECTS_PER_MINUTE",
    1_200,
    whole(1, 1_000_000),
    "Connections that a worker begins in a minute to all devices of one site, for the sake of its AAA servers.",
  ),
  maxHandshakes: setting(
    "worker.max_handshakes",
    "POINTSMAN_MAX_HANDSHAKES",
    256,
    whole(1, 10_000),
    "Connections to devices that a worker sets up at once, if its event loop has time for them; it begins with 32.",
  ),
  sshAgent: setting<string | undefined>(
    "worker.ssh_agent",
    "SSH_AUTH_SOCK",
    undefined,
    optionalString,
    "Socket of the SSH agent whose keys logins with use_agent offer.",
  ),
  journalDir: setting(
    "worker.journal_dir",
    "POINTSMAN_JOURNAL_DIR",
    "pointsman-journal",
    string,
    "Folder of the worker's journal of changes. It has to outlive the process.",
  ),
  keepSucceededHours: setting(
    "retention.succeeded_hours",
    "POINTSMAN_KEEP_SUCCEEDED_HOURS",
    72,
    whole(1, 87_600),
    "How long jobs that succeeded are kept after their end, in hours.",
  ),
  keepFailedHours: setting(
    "retention.failed_hours",
    "POINTSMAN_KEEP_FAILED_HOURS",
    720,
    whole(1, 87_600),
    "How long all other ended jobs are kept, in hours. Unresolved INDETERMINATE ones are kept for ever.",
  ),
  keepJobs: setting(
    "retention.jobs",
    "POINTSMAN_KEEP_JOBS",
    1_000_000,
    whole(1, 100_000_000),
    "Ended jobs kept in each zone at most; those that succeeded go first.",
  ),
  keepOutputMegabytes: setting(
    "retention.output_megabytes",
    "POINTSMAN_KEEP_OUTPUT_MEGABYTES",
    512,
    whole(1, 1_000_000),
    "Output kept in each zone at most, in megabytes; the oldest goes first, and its events say so.",
  ),
  metricsHost: setting(
    "metrics.host",
    "POINTSMAN_METRICS_HOST",
    "127.0.0.1",
    string,
    "Address that metrics are served on, where they have a port of their own.",
  ),
  metricsPort: setting<number | undefined>(
    "metrics.port",
    "POINTSMAN_METRICS_PORT",
    undefined,
    whole(0, 65_535),
    "Port of its own for /metrics, without a key and in clear text. Without it a server answers /metrics on its API port, to callers with a key, and a worker not at all.",
  ),
  logLevel: setting<LogLevel>(
    "log_level",
    "POINTSMAN_LOG_LEVEL",
    "info",
    choice(...logLevels),
    "The least grave lines that are logged: trace, debug, info, warn, error or silent.",
  ),
} as const;

/** The settings that a running process takes over when it reads them again; every other one needs a restart. */
export const reloadable: ReadonlySet<string> = new Set<keyof typeof settings>([
  ...(["tlsCertificate", "tlsKey", "drainSeconds", "shellCommands", "allowAddresses", "allowHosts"] as const),
  ...(["keepSucceededHours", "keepFailedHours", "keepJobs", "keepOutputMegabytes", "logLevel"] as const),
]);

/** The settings as they are. */
export type Config = { readonly [K in keyof typeof settings]: (typeof settings)[K]["fallback"] };

/** Everything that is wrong with a configuration, one line each. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

/**
 * Reads the configuration: the environment wins over the file, the file over the defaults. Throws ConfigError with all
 * that is wrong at once: unknown keys of the file, values that are none, a file that cannot be read.
 */
export function loadConfig(
  file: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  overrides: Partial<Config> = {},
): Config {
  const problems: string[] = [];
  // Empty, as a variable that is set to nothing.
  const inFile = !file ? new Map<string, unknown>() : readFile(file, problems);
  const known = new Set<string>(Object.values(settings).map(({ path }) => path));
  for (const [path, value] of inFile) {
    const isPart = value === undefined && [...known].some((one) => one.startsWith(`${path}.`));
    if (!known.has(path) && !isPart) problems.push(`${file}: there is no setting ${path}`);
  }

  const config: Record<string, unknown> = {};
  for (const [name, entry] of Object.entries(settings) as [string, Setting<unknown>][]) {
    const fromEnv = env[entry.env];
    const [value, origin] =
      fromEnv !== undefined && fromEnv !== ""
        ? [fromEnv, entry.env]
        : [inFile.get(entry.path), `${file ?? ""}: ${entry.path}`];
    try {
      config[name] = value === undefined ? entry.fallback : entry.read(value);
    } catch (error) {
      problems.push(`${origin} ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const whole = { ...config, ...overrides } as Config;
  if ((whole.tlsCertificate === undefined) !== (whole.tlsKey === undefined)) {
    problems.push("server.tls_certificate and server.tls_key go together");
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return whole;
}

/** The file's values by path; undefined where a key stands without one. */
function readFile(file: string, problems: string[]): Map<string, unknown> {
  const flat = new Map<string, unknown>();
  const walk = (value: unknown, path: string): void => {
    const inner = isMapping(value) ? Object.entries(value) : [];
    for (const [key, one] of inner) walk(one, path === "" ? key : `${path}.${key}`);
    if (path !== "" && inner.length === 0) flat.set(path, isMapping(value) ? undefined : (value ?? undefined));
  };
  try {
    const document: unknown = parseYaml(readFileSync(file, "utf8")) ?? {};
    if (!isMapping(document)) throw new Error("it has to be a mapping of settings");
    walk(document, "");
  } catch (error) {
    problems.push(`${file} cannot be read: ${error instanceof Error ? error.message.split("\n")[0] : String(error)}`);
  }
  return flat;
}

function isMapping(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
