import { Redis, type RedisOptions } from "ioredis";
import { StoreError } from "./store.js";

/** Where Redis is: a `redis://`, `rediss://` or `unix://` URL, or the path of a unix socket. */
export type RedisAddress = string;

/** A command that takes longer than this is given up; whether Redis ran it is then unknown to the caller. */
const commandTimeoutMs = 5_000;

/** The settings that this file decides; ioredis keeps its own defaults for the rest. */
type Settings = Pick<
  RedisOptions,
  "commandTimeout" | "enableOfflineQueue" | "autoResubscribe" | "enableAutoPipelining"
> & {
  readonly autoResendUnfulfilledCommands?: boolean;
  readonly maxRetriesPerRequest: number | null;
};

function connect(address: RedisAddress, settings: Settings): Redis {
  const common = {
    ...settings,
    lazyConnect: true,
    retryStrategy: (times: number) => Math.min(50 * 2 ** Math.min(times, 5), 1_000),
  };
  const path = address.startsWith("unix://") ? address.slice("unix://".length) : address;
  const connection = path.startsWith("/") ? new Redis({ ...common, path }) : new Redis(address, common);
  return connection as Redis;
}

/**
 * The connection that state goes over. It never holds commands back while Redis is away and never sends one twice by
 * itself: a caller must know that its call failed, and repeats it under its request id.
 */
export function connectForState(address: RedisAddress): Redis {
  return connect(address, {
    commandTimeout: commandTimeoutMs,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // Calls made in one turn of the event loop go out, and come back, together.
    enableAutoPipelining: true,
  });
}

/** A connection for hints: subscriptions, which come back by themselves after a break. */
export function connectForHints(address: RedisAddress): Redis {
  return connect(address, { maxRetriesPerRequest: null, autoResubscribe: true });
}

/** A connection for blocking reads of the feed. */
export function connectForFeed(address: RedisAddress): Redis {
  return connect(address, { maxRetriesPerRequest: null });
}

/** Connects, or says in one line why not. */
export async function open(redis: Redis, address: RedisAddress): Promise<void> {
  // Without a listener a lost connection would end the process; it comes back by itself, and calls fail meanwhile.
  redis.on("error", () => undefined);
  try {
    await redis.connect();
  } catch (error) {
    redis.disconnect();
    throw new StoreError("STORE_UNAVAILABLE", `cannot reach Redis at ${withoutPassword(address)}: ${reasonOf(error)}`);
  }
}

/** A Redis URL that may be shown: its password is left out. */
export function withoutPassword(address: RedisAddress): string {
  return address.replace(/^(rediss?:\/\/[^:@/]*):[^@/]*@/, "$1:***@");
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Turns the errors of a connection into the store's own; anything else goes through. */
export function asStoreError(error: unknown): unknown {
  if (error instanceof StoreError || !(error instanceof Error)) return error;
  const lost = /^(Connection is closed|Command timed out|Stream isn't writeable|connect |read |write |Reached the max)/;
  const refused = /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|MISCONF|OOM|NOREPLICAS|TRYAGAIN)/;
  if (lost.test(error.message) || refused.test(error.message) || error.name === "MaxRetriesPerRequestError") {
    return new StoreError("STORE_UNAVAILABLE", `Redis does not answer: ${error.message}`);
  }
  return error;
}
