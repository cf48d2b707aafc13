import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { once } from "node:events";
import { join } from "node:path";
import { Pointsman } from "@pointsman/sdk";
import { createSeededRandom } from "../../src/dev/simulator/seeded-random.js";
import { endsWithUs } from "../support/ends-with-us.js";
import { freePort } from "../support/free-port.js";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.js";
import { typescriptProgram } from "../support/typescript-program.js";
import { login, type DevicePlace } from "./fleet.js";
import { startOurs } from "../support/system.js";
import { startMember, type Member } from "./member.js";
import { startRedisPair, type RedisPair } from "./redis-pair.js";

/** A whole installation in processes of its own, with a bad way between any two of them. */
export interface Installation {
  readonly redis: RedisPair;
  readonly servers: readonly Member[];
  readonly workers: readonly Member[];
  /** The ways to the devices, in the devices' order. */
  readonly deviceLinks: readonly TcpProxy[];
  readonly devices: readonly DevicePlace[];
  /** One client for each server. */
  readonly clients: readonly Pointsman[];
  /** File of the devices' journal. */
  readonly journal: string;
  /** Runs one of our commands to its end, with a good way to Redis. */
  run(...args: readonly string[]): Promise<{ readonly status: number | null; readonly output: readonly string[] }>;
  close(): Promise<void>;
}

/** How large it is, and where it keeps its files. */
export interface InstallationOptions {
  readonly dir: string;
  readonly seed: string;
  readonly servers: number;
  readonly workers: number;
  readonly devices: number;
}

const host = "127.0.0.1";

export async function startInstallation(options: InstallationOptions): Promise<Installation> {
  const { dir, seed } = options;
  const stops: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (let stop = stops.pop(); stop; stop = stops.pop()) await stop();
  };
  try {
    const proxies: TcpProxy[] = [];
    const way = async (name: string, port: number): Promise<TcpProxy> => {
      const proxy = await startTcpProxy({ host, port }, createSeededRandom(`${seed}/${name}`));
      stops.push(() => proxy.close());
      return proxy;
    };
    const redis = await startRedisPair(dir, createSeededRandom(`${seed}/replication`), (port) => {
      for (const proxy of proxies) {
        proxy.redirect({ host, port });
        proxy.cut();
      }
    });
    stops.push(() => redis.close());

    const journal = join(dir, "devices.journal");
    const places = await startDevices(options, journal, stops);
    const deviceLinks = await Promise.all(places.map(({ name, port }) => way(name, port)));

    const env = {
      POINTSMAN_SEALING_KEY: Buffer.alloc(32, 7).toString("base64"),
      POINTSMAN_DRAIN_SECONDS: "1",
      POINTSMAN_LOG_LEVEL: "info",
    };
    const jumping = { NODE_OPTIONS: `--import=${new URL("./clock-jump.mjs", import.meta.url).href}` };
    const member = async (name: string, command: string, more: Record<string, string>): Promise<Member> => {
      const proxy = await way(name, redis.port);
      proxies.push(proxy);
      const own = { ...env, ...jumping, ...more, POINTSMAN_REDIS_URL: `redis://${host}:${proxy.port}` };
      const started = startMember(name, [command], own, proxy, `${command} ready`);
      stops.push(() => started.stop());
      return started;
    };
    const ports = await Promise.all(Array.from({ length: options.servers }, freePort));
    const servers = await Promise.all(
      ports.map((port, n) => member(`server-${n}`, "server", { POINTSMAN_PORT: String(port) })),
    );
    const clients = ports.map((port) => new Pointsman({ baseUrl: `http://${host}:${port}`, apiKey: "" }));
    stops.push(async () => clients.forEach((client) => client.close()));
    await Promise.all(servers.map((server) => server.ready()));
    await enrol(clients[0]!, places, deviceLinks);

    const workers = await Promise.all(
      Array.from({ length: options.workers }, (_, n) =>
        member(`worker-${n}`, "worker", {
          ...{ POINTSMAN_JOURNAL_DIR: join(dir, `journal-${n}`), POINTSMAN_CAPACITY: "15" },
          ...{ POINTSMAN_TASK_MODULES: "test/chaos/tasks.mjs", POINTSMAN_TASK_THREADS: "2" },
        }),
      ),
    );
    await Promise.all(workers.map((worker) => worker.ready()));
    return {
      ...{ redis, servers, workers, deviceLinks, devices: places, clients, journal, close },
      async run(...args) {
        const { child, log } = startOurs(args, { ...env, POINTSMAN_REDIS_URL: `redis://${host}:${redis.port}` });
        await once(child, "close");
        return { status: child.exitCode, output: log };
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Starts simulated devices in a process of their own; `stops` is given how to end it. */
export async function startDevices(
  { devices, seed, calm = false }: Pick<InstallationOptions, "devices" | "seed"> & { readonly calm?: boolean },
  journal: string,
  stops: (() => Promise<unknown>)[],
): Promise<DevicePlace[]> {
  const program = new URL("./devices.ts", import.meta.url);
  const given = [String(devices), journal, seed, calm ? "calm" : ""];
  const child: ChildProcess = spawn(...endsWithUs(process.execPath, typescriptProgram(program, given)), {
    stdio: ["ignore", "pipe", "inherit"],
  });
  stops.push(async () => {
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  });
  const [line] = (await once(createInterface({ input: child.stdout! }), "line")) as [string];
  return JSON.parse(line) as DevicePlace[];
}

/** Puts every device into the inventory, reached over its own way. */
async function enrol(client: Pointsman, places: readonly DevicePlace[], links: readonly TcpProxy[]): Promise<void> {
  await client.credentials.create("chaos", login);
  await Promise.all(
    places.map(({ name, platform, hostKeyLine }, n) =>
      client.devices.create({
        ...{ name, platform, address: host, port: links[n]!.port },
        ...{ credential: "chaos", hostKeys: [hostKeyLine] },
      }),
    ),
  );
}
