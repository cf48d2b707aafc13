import { readFile } from "node:fs/promises";
import { Redis, type RedisOptions } from "ioredis";
import type { HostPort, RedisPlace, TlsFiles } from "./redis-place.js";
import { reasonOf } from "./connection-errors.js";
import { joinWrites } from "../streams/joined-writes.js";
import { SteadySentinelConnector } from "./sentinel-connector.js";

/** A command that takes longer than this is given up; whether Redis ran it is then unknown to the caller. */
const commandTimeoutMs = 5_000;
/** A connection that owes an answer and is silent for this long is dead, whatever TCP believes. */
const silenceMs = 6_000;
const connectTimeoutMs = 5_000;
/** One that loads its data is asked again after this at the latest: its own guess of how long it takes may be far too long. */
const loadingMs = 250;

/** Milliseconds before the n-th attempt to come back. */
export function backoff(times: number): number {
  return Math.min(50 * 2 ** Math.min(times, 5), 1_000);
}

/** What every connection to a place has in common. */
export type Access = Omit<RedisOptions, "replyMapping">;

/** Reads what a place's connections need. Throws one line when a file cannot be read. */
export async function accessTo(place: RedisPlace): Promise<Access> {
  const tls = place.tls && (await readTls(place.tls));
  const { username, password } = place.login;
  const { sentinelLogin } = place;
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls ? { tls } : {}),
    ...(place.kind === "socket" ? { path: place.path } : {}),
    ...(place.kind === "sentinel"
      ? {
          sentinels: [...place.hosts],
          name: place.primary,
          Connector: SteadySentinelConnector,
          sentinelCommandTimeout: commandTimeoutMs,
          ...(tls ? { sentinelTLS: tls, enableTLSForSentinelMode: true } : {}),
          ...(sentinelLogin.username === undefined ? {} : { sentinelUsername: sentinelLogin.username }),
          ...(sentinelLogin.password === undefined ? {} : { sentinelPassword: sentinelLogin.password }),
        }
      : {}),
    ...(place.kind === "single" ? place.hosts[0] : {}),
    db: place.database,
    connectTimeout: connectTimeoutMs,
    socketTimeout: silenceMs,
    maxLoadingRetryTime: loadingMs,
    // It would need a right of its own, and Redis 7.0 does not know it.
    disableClientInfo: true,
    lazyConnect: true,
  };
}

async function readTls({ servername, ...files }: TlsFiles): Promise<NonNullable<RedisOptions["tls"]>> {
  const parts = await Promise.all(
    Object.entries(files).map(async ([name, file]) => {
      try {
        return [name, await readFile(file, "utf8")] as const;
      } catch (error) {
        throw new Error(`cannot read ${name}: ${reasonOf(error)}`, { cause: error });
      }
    }),
  );
  return { ...Object.fromEntries(parts), ...(servername === undefined ? {} : { servername }) };
}

/**
 * The connection that state goes over. It never holds commands back while Redis is away and never sends one twice by
 * itself: a caller must know that its call failed, and repeats it under its request id. It comes back by itself.
 */
export function stateConnection(access: Access, at?: HostPort): Redis {
  const redis = quiet(
    new Redis({
      ...access,
      ...at,
      commandTimeout: commandTimeoutMs,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      retryStrategy: backoff,
      sentinelRetryStrategy: backoff,
      // Sentinels say when another process has become the primary, also while the old one still answers.
      failoverDetector: access.sentinels !== undefined && access.sentinels !== null,
      // What answers so is no primary any more, or cut off from its replicas: look for the one that is. The command
      // itself was refused and fails.
      reconnectOnError: (error) => /^(READONLY|NOREPLICAS)/.test(error.message),
    }),
  );
  redis.on("connect", () => joinWrites(redis.stream));
  return redis;
}

/**
 * A connection for one life: for hints and for blocking reads. It is not mended but replaced, so that nobody stays
 * with a process that has lost its role. Throws why it cannot be made.
 */
export async function dial(access: Access, at?: HostPort): Promise<Redis> {
  const redis = new Redis({
    ...access,
    ...at,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy: () => null,
    sentinelRetryStrategy: () => null,
  });
  await connected(redis);
  return redis;
}

/** Connects for the first time. Throws the cause when that fails, and then connects no more. */
export async function connected(redis: Redis): Promise<void> {
  let cause: unknown;
  const note = (error: unknown): void => {
    cause ??= error;
  };
  redis.on("error", note);
  quiet(redis);
  try {
    await redis.connect();
  } catch (error) {
    redis.disconnect();
    throw cause ?? error;
  } finally {
    redis.off("error", note);
  }
}

/**
 * Without a listener a lost connection would end the process; it comes back by itself, and calls fail meanwhile. One that
 * was refused its database would go on in database 0, among what is somebody else's: it is ended.
 */
function quiet(redis: Redis): Redis {
  redis.on("error", (error: Error & { readonly command?: { readonly name: string } }) => {
    if (error.command?.name === "select") redis.disconnect(true);
  });
  return redis;
}

/** How a server is set; undefined when it does not let this user ask, or knows no such setting. */
export async function settingOf(redis: Redis, name: string): Promise<string | undefined> {
  try {
    const [, value] = await redis.config("GET", name);
    return value;
  } catch (error) {
    // Managed ones forbid the command, rename it, or have none.
    if (/^(NOPERM|ERR unknown)/i.test(reasonOf(error))) return undefined;
    throw error;
  }
}
