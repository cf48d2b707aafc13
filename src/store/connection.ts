import type { Redis } from "ioredis";

/** The commands that state is read and written with, beside the scripts. The first argument of each is its one key. */
export const stateCommands = [
  "get",
  "getBuffer",
  "getrange",
  "getrangeBuffer",
  "hdel",
  "hget",
  "hgetall",
  "hgetallBuffer",
  "hlen",
  "hmget",
  "hset",
  "lindex",
  "llen",
  "lrange",
  "pexpire",
  "sadd",
  "scard",
  "set",
  "sismember",
  "smembers",
  "srandmember",
  "xlen",
  "xrange",
  "xrevrange",
  "zcard",
  "zrange",
  "zrem",
  "zscore",
] as const;

/** State, wherever Redis runs: each command goes to the process that holds its key. */
export type StoreConnection = Pick<Redis, (typeof stateCommands)[number] | "defineCommand">;

/** Ways to reach one Redis, Sentinel's primary, or a cluster. */
export interface RedisLinks {
  /** Never holds a command back and never repeats one that may have run. */
  readonly state: StoreConnection;
  /** A connection for one life to the process that holds `key`; without a key, to any that hears what is published. */
  dial(key?: string): Promise<Redis>;
  /** Keys with the same answer can be read by one command. */
  together(key: string): string;
  /** Asks the process that holds `key` for a sign of life. */
  ping(key: string): Promise<void>;
  /** What the process that holds `key` tells of itself. */
  info(key: string): Promise<string>;
  /** How the process that holds `key` is set; undefined when it does not let us ask. */
  setting(key: string, name: string): Promise<string | undefined>;
  close(): Promise<void>;
}
