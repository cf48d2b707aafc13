import { spawn } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis, type RedisOptions } from "ioredis";
import { findServerBinary } from "../../src/dev/private-redis.js";
import { slotCount } from "../../src/store/slot.js";
import { eventually } from "./eventually.js";
import { freePort } from "./free-port.js";
import { clearText, type RedisSpeech, speakTls } from "./redis-speech.js";

/** One server process of a topology. */
export interface RedisNode {
  readonly port: number;
  readonly pid: number;
  /** A plain connection for looking at it. */
  readonly redis: Redis;
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>;
}

/** Redis in one of the ways it is run, on loopback. */
export interface Topology {
  /** What goes into `redis.url`. */
  readonly url: string;
  readonly nodes: readonly RedisNode[];
  close(): Promise<void>;
}

/** A topology in which one process takes over from another. */
export interface Guarded extends Topology {
  /**
   * Has a process that does not answer given up after `ms`. Until this is called it is given a minute: a busy machine is not to be
   * taken for a dead one.
   */
  giveUpAfter(ms: number): Promise<void>;
}

/** For how long a process of a topology may be silent while no test is about that. */
const patienceMs = 60_000;

interface Ground {
  readonly dir: string;
  readonly stops: (() => Promise<void>)[];
}

/** Builds a topology; whatever was started is ended when building fails. */
async function raise<T extends Omit<Topology, "close">>(
  build: (ground: Ground) => Promise<T>,
): Promise<T & Pick<Topology, "close">> {
  const dir = await mkdtemp(join(tmpdir(), "pm-redis-"));
  const stops: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(stops.map((stop) => stop()));
    await rm(dir, { recursive: true, force: true });
  };
  try {
    return { ...(await build({ dir, stops })), close };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Start {
  readonly binary?: string;
  readonly port: number;
  /** Arguments in front: a configuration file, perhaps. */
  readonly first?: readonly string[];
  readonly args: readonly string[];
  /** How to look at it, where that is not plain TCP. */
  readonly look?: Omit<RedisOptions, "replyMapping">;
}

/** Starts a server and waits until it answers. */
async function startNode({ dir, stops }: Ground, { binary, port, first = [], args, look }: Start): Promise<RedisNode> {
  const home = join(dir, String(port));
  await mkdir(home, { recursive: true });
  const child = spawn(
    binary ?? findServerBinary(process.env["PATH"] ?? ""),
    [...first, "--dir", home, "--logfile", "log", ...args],
    {
      stdio: "ignore",
    },
  );
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const redis = new Redis({
    host: "127.0.0.1",
    port,
    ...look,
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    retryStrategy: () => 50,
  });
  redis.on("error", () => undefined);
  const kill = async (): Promise<void> => {
    redis.disconnect();
    child.kill("SIGKILL");
    await exited;
  };
  stops.push(kill);
  void redis.connect().catch(() => undefined);
  await eventually(async () => {
    if (child.exitCode !== null)
      throw new Error(`redis on ${port} ended: ${await readFile(join(home, "log"), "utf8").catch(() => "")}`);
    await redis.ping();
  });
  return { port, pid: child.pid ?? 0, redis: redis, kill };
}

const plain = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];

/** One process behind a unix socket. */
export function startSocket(binary?: string): Promise<Topology> {
  return raise(async (ground) => {
    const path = join(ground.dir, "redis.sock");
    const args = [...plain, "--port", "0", "--unixsocket", path];
    const node = await startNode(ground, {
      ...(binary === undefined ? {} : { binary }),
      port: 0,
      args,
      look: { path },
    });
    return { url: `unix://${path}`, nodes: [node] };
  });
}

/** One process that speaks TLS alone and knows, beside an operator for the test, only the user that we ship. */
export async function startSecured(): Promise<Topology & { readonly password: string }> {
  const password = "p@ss:w/rd?";
  const topology = await raise(async (ground) => {
    const { dir } = ground;
    const speech = await speakTls(dir);
    const shipped = await readFile("deploy/redis/users.acl", "utf8");
    const users = shipped.replace(/^user pointsman on/m, `user pointsman on >${password}`);
    await writeFile(join(dir, "users.acl"), `${users}user operator on >operator ~* &* +@all\n`);
    await copyFile("deploy/redis/redis.conf", join(dir, "redis.conf"));
    const port = await freePort();
    const own = ["--bind", "127.0.0.1", "--aclfile", join(dir, "users.acl"), "--maxmemory", "256mb"];
    const node = await startNode(ground, {
      port,
      first: [join(dir, "redis.conf")],
      args: [...speech.listen(port), ...own],
      look: { ...speech.look, username: "operator", password: "operator" },
    });
    const url = `rediss://pointsman:${encodeURIComponent(password)}@127.0.0.1:${port}${speech.query}`;
    return { url, nodes: [node] };
  });
  return { ...topology, password };
}

/** A primary, a replica and three Sentinels. The primary is the first node. */
export function startSentinel({ tls = false } = {}): Promise<Guarded & { readonly sentinels: readonly RedisNode[] }> {
  return raise(async (ground) => {
    const speech = tls ? await speakTls(ground.dir) : clearText;
    const { look } = speech;
    const [one, two] = [await freePort(), await freePort()];
    const args = (port: number): string[] => [...plain, ...speech.listen(port), "--repl-diskless-sync-delay", "0"];
    const primary = await startNode(ground, { port: one, args: args(one), look });
    const follow = ["--replicaof", "127.0.0.1", String(one)];
    const replica = await startNode(ground, { port: two, args: [...args(two), ...follow], look });
    await eventually(async () => {
      if (!/master_link_status:up/.test(await replica.redis.info("replication"))) throw new Error("not replicating");
    });
    const sentinels = await Promise.all([1, 2, 3].map(() => startOneSentinel(ground, speech, one)));
    // A failover needs Sentinels that know each other and the replica.
    await eventually(async () => {
      for (const { redis } of sentinels) {
        const facts = await redis.info("sentinel");
        if (!/slaves=1,sentinels=3/.test(facts)) throw new Error(facts);
      }
    }, 120_000);
    const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(",");
    return {
      url: `redis${tls ? "s" : ""}-sentinel://${hosts}/main${speech.query}`,
      nodes: [primary, replica],
      sentinels,
      async giveUpAfter(ms) {
        for (const { redis } of sentinels) await redis.call("SENTINEL", "SET", "main", "down-after-milliseconds", ms);
      },
    };
  });
}

async function startOneSentinel(ground: Ground, speech: RedisSpeech, primary: number): Promise<RedisNode> {
  const port = await freePort();
  const file = join(ground.dir, `sentinel-${port}.conf`);
  const lines = [
    `sentinel monitor main 127.0.0.1 ${primary} 2`,
    `sentinel down-after-milliseconds main ${patienceMs}`,
    "sentinel failover-timeout main 3000",
  ];
  await writeFile(file, `${lines.join("\n")}\n`);
  const args = ["--bind", "127.0.0.1", ...speech.listen(port)];
  return startNode(ground, { port, first: [file, "--sentinel"], args, look: speech.look });
}

/** Primaries that share the slots evenly, each with as many replicas as asked for; the primaries come first. */
export function startCluster(primaries = 3, replicas = 0, { tls = false } = {}): Promise<Guarded> {
  return raise(async (ground) => {
    const speech = tls ? await speakTls(ground.dir) : clearText;
    const count = primaries * (1 + replicas);
    const places: { readonly port: number; readonly bus: number }[] = [];
    while (places.length < count) places.push({ port: await freePort(), bus: await freePort() });
    const nodes = await Promise.all(
      places.map(({ port, bus }) =>
        startNode(ground, {
          port,
          args: [
            ...[...plain, ...speech.listen(port), ...(tls ? ["--tls-cluster", "yes"] : [])],
            ...["--cluster-enabled", "yes", "--cluster-port", String(bus)],
            // They get to know each other sooner the less patient they are.
            ...["--cluster-node-timeout", "1000", "--cluster-require-full-coverage", "no"],
            ...["--repl-diskless-sync-delay", "0"],
          ],
          look: speech.look,
        }),
      ),
    );
    const [first] = nodes;
    if (!first) throw new Error("a cluster has at least one primary");
    for (const { port, bus } of places.slice(1)) await first.redis.call("CLUSTER", "MEET", "127.0.0.1", port, bus);
    const share = Math.ceil(slotCount / primaries);
    for (const [i, { redis }] of nodes.slice(0, primaries).entries()) {
      await redis.call("CLUSTER", "ADDSLOTSRANGE", i * share, Math.min((i + 1) * share, slotCount) - 1);
    }
    for (const [i, { redis }] of nodes.slice(primaries).entries()) {
      const primary = await nodes[i % primaries]?.redis.cluster("MYID");
      // A node can follow another only after it has heard of it.
      await eventually(() => redis.call("CLUSTER", "REPLICATE", primary ?? ""), 60_000);
    }
    await eventually(async () => {
      for (const { redis } of nodes) {
        const facts = await redis.cluster("INFO");
        if (!/cluster_state:ok/.test(facts) || !facts.includes(`cluster_known_nodes:${count}`)) throw new Error(facts);
      }
    }, 120_000);
    const giveUpAfter = async (ms: number): Promise<void> => {
      // Nothing can be said to one that has been killed.
      for (const { redis } of nodes.filter((node) => node.redis.status !== "end"))
        await redis.config("SET", "cluster-node-timeout", String(ms));
    };
    await giveUpAfter(patienceMs);
    const hosts = nodes.slice(0, 2).map(({ port }) => `127.0.0.1:${port}`);
    return { url: `redis${tls ? "s" : ""}-cluster://${hosts.join(",")}${speech.query}`, nodes, giveUpAfter };
  });
}
