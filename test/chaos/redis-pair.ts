import { type ChildProcess, spawn } from "node:child_process";
import { cp, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Redis } from "ioredis";
import { findServerBinary } from "../../src/dev/private-redis.js";
import type { Random } from "../../src/domain/clock.js";
import { eventually } from "../support/eventually.js";
import { endsWithUs } from "../support/ends-with-us.js";
import { freePort } from "../support/free-port.js";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.js";

/** A primary that syncs every write and a replica of it, that can be made to lie. One thing happens to them at a time. */
export interface RedisPair {
  /** Port of the primary. */
  readonly port: number;
  /** How often it came back with older data, and with the same. */
  readonly lost: number;
  /** It is about to come back with older data, or has: this time is not counted yet. */
  readonly losing: boolean;
  readonly restarted: number;
  /** Copies the primary's log, waits, kills the primary, and starts it on the copy: what came after it is gone. */
  rollBack(ageMs: number): Promise<void>;
  /** Keeps the replica from hearing anything, waits, kills the primary and promotes the replica; the other follows it. */
  promote(ageMs: number): Promise<void>;
  /** Kills the primary and starts it again on what it has. */
  restart(): Promise<void>;
  /** Leaves no memory for anything new for a time. */
  fill(forMs: number): Promise<void>;
  close(): Promise<void>;
}

interface Node {
  readonly port: number;
  readonly dir: string;
  readonly redis: Redis;
  child: ChildProcess;
}

const maxMemory = "512mb";
/** A log longer than this is rewritten when nothing else happens. */
const compactBytes = 96 * 1024 * 1024;
const logs = "appendonlydir";

/** Starts both in `dir`. `moved` is called with the port of the primary whenever that changes. */
export async function startRedisPair(dir: string, random: Random, moved: (port: number) => void): Promise<RedisPair> {
  const binary = findServerBinary(process.env["PATH"] ?? "");
  let turn: Promise<unknown> = Promise.resolve();
  let lost = 0;
  let losing = false;
  let restarted = 0;

  function run({ port, dir: home }: Pick<Node, "port" | "dir">, following?: number): ChildProcess {
    const args = [
      ...["--port", String(port), "--bind", "127.0.0.1", "--dir", home, "--logfile", "log", "--save", ""],
      ...["--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"],
      ...["--maxmemory", maxMemory, "--maxmemory-policy", "noeviction", "--repl-diskless-sync-delay", "0"],
      ...(following === undefined ? [] : ["--replicaof", "127.0.0.1", String(following)]),
    ];
    return spawn(...endsWithUs(binary, args), { stdio: "ignore" });
  }

  async function start(name: string, following?: number): Promise<Node> {
    const port = await freePort();
    const home = join(dir, name);
    await mkdir(home, { recursive: true });
    const child = run({ port, dir: home }, following);
    const redis = new Redis({ host: "127.0.0.1", port, maxRetriesPerRequest: 0, retryStrategy: () => 20 });
    redis.on("error", () => undefined);
    const node = { port, dir: home, redis, child };
    await answers(node);
    return node;
  }

  /** Loaded, and with nothing left to rewrite. */
  async function answers({ redis }: Node): Promise<void> {
    await eventually(async () => {
      const facts = await redis.info("persistence");
      if (!/loading:0/.test(facts)) throw new Error(`Redis is loading: ${facts}`);
      if (/aof_rewrite_(in_progress|scheduled):1/.test(facts)) throw new Error("Redis is rewriting its log");
    }, 180_000);
  }

  async function kill({ child }: Node): Promise<void> {
    const exited = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await exited;
  }

  let primary = await start("one");
  const link: TcpProxy = await startTcpProxy({ host: "127.0.0.1", port: primary.port }, random);
  let replica = await start("two", link.port);

  const follows = (): Promise<void> =>
    eventually(async () => {
      if (!/master_link_status:up/.test(await replica.redis.info("replication"))) throw new Error("not replicating");
      await answers(replica);
    }, 180_000);
  await follows();

  async function compact(): Promise<void> {
    const [, bytes = "0"] = /aof_current_size:(\d+)/.exec(await primary.redis.info("persistence")) ?? [];
    if (Number(bytes) < compactBytes) return;
    await primary.redis.bgrewriteaof();
    await answers(primary);
  }

  function inTurn(work: () => Promise<void>): () => Promise<void> {
    return () => {
      const mine = turn.then(work);
      turn = mine.catch(() => undefined);
      return mine;
    };
  }

  async function rollBack(ageMs: number): Promise<void> {
    await compact();
    const now = join(primary.dir, logs);
    const then = join(primary.dir, "then");
    await rm(then, { recursive: true, force: true });
    await cp(now, then, { recursive: true });
    await pause(ageMs);
    losing = true;
    await kill(primary);
    await rm(now, { recursive: true });
    await rename(then, now);
    primary.child = run(primary);
    await answers(primary);
    lost++;
    losing = false;
  }

  async function promote(ageMs: number): Promise<void> {
    await follows();
    link.set({ hold: "both" });
    await pause(ageMs);
    losing = true;
    await kill(primary);
    link.cut();
    link.set({});
    await replica.redis.replicaof("NO", "ONE");
    [primary, replica] = [replica, primary];
    link.redirect({ host: "127.0.0.1", port: primary.port });
    lost++;
    losing = false;
    moved(primary.port);
    await rm(join(replica.dir, logs), { recursive: true, force: true });
    replica.child = run(replica, link.port);
    await follows();
  }

  async function restart(): Promise<void> {
    await kill(primary);
    primary.child = run(primary);
    await answers(primary);
    restarted++;
  }

  async function fill(forMs: number): Promise<void> {
    const [, used = "0"] = /used_memory:(\d+)/.exec(await primary.redis.info("memory")) ?? [];
    await primary.redis.config("SET", "maxmemory", String(Math.max(1, Number(used) - 1024 * 1024)));
    await pause(forMs);
    await primary.redis.config("SET", "maxmemory", maxMemory);
  }

  return {
    get port() {
      return primary.port;
    },
    get lost() {
      return lost;
    },
    get losing() {
      return losing;
    },
    get restarted() {
      return restarted;
    },
    rollBack: (ageMs) => inTurn(() => rollBack(ageMs))(),
    promote: (ageMs) => inTurn(() => promote(ageMs))(),
    restart: inTurn(restart),
    fill: (forMs) => inTurn(() => fill(forMs))(),
    async close() {
      await turn;
      for (const node of [primary, replica]) {
        node.redis.disconnect();
        await kill(node);
      }
      await link.close();
    },
  };
}
