import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Pointsman } from "@pointsman/sdk";
import { type PrivateRedis, startPrivateRedis } from "../../src/dev/private-redis.js";
import type { SimulatedDevice } from "../../src/dev/simulator/simulated-device.js";
import { createSimulator, type Simulator } from "../../src/dev/simulator/simulator.js";
import { systemClock } from "../../src/system/clock.js";
import { eventually } from "./eventually.js";
import { endsWithUs } from "./ends-with-us.js";
import { freePort } from "./free-port.js";

/** A process of ours, with everything it logged. */
export interface OurProcess {
  readonly child: ChildProcess;
  readonly log: string[];
  /** The first log entry with this message, past or to come. */
  logged(message: string): Promise<Record<string, unknown>>;
  /** Ends it like a power cut. */
  kill(): Promise<void>;
  /** Asks it to end, and waits. */
  stop(): Promise<void>;
}

/** A whole installation in real processes: Redis, a server, workers, simulated devices. */
export interface System {
  readonly dir: string;
  readonly redis: PrivateRedis;
  readonly server: OurProcess;
  readonly url: string;
  readonly client: Pointsman;
  readonly simulator: Simulator;
  readonly workers: OurProcess[];
  readonly env: Readonly<Record<string, string>>;
  startWorker(env?: Readonly<Record<string, string>>): Promise<OurProcess>;
  /** Resolves when the worker that runs a job knows that it is to stop. */
  toldToStop(job: string): Promise<void>;
  close(): Promise<void>;
}

/** Login of the simulated devices. */
export const login = { username: "admin", password: "correct-horse-battery", enableSecret: "staple-secret" };

/** A device with our login and an enable secret. */
export function device(name: string, more: Partial<SimulatedDevice> = {}): SimulatedDevice {
  const { username, password, enableSecret } = login;
  return { name, platform: "cisco_ios", users: [{ username, password }], enableSecret, ...more };
}

/** Starts a process of ours from the compiled code; `under`: a program and its arguments that it is started by. */
export function startOurs(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  under: readonly string[] = [],
): OurProcess {
  const [program = "", ...rest] = [...under, process.execPath, "dist/main.js", ...args];
  const child = spawn(...endsWithUs(program, rest), {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const log: string[] = [];
  const listeners = new Set<() => void>();
  let ended = false;
  const exit = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  // Only then is everything read that it has said.
  const closed = new Promise<void>((resolve) => {
    child.once("close", () => {
      ended = true;
      for (const look of listeners) look();
      resolve();
    });
  });
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      log.push(line);
      for (const look of listeners) look();
    });
  }
  return {
    child,
    log,
    logged: (message) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const line = log.find((one) => one.includes(`"msg":"${message}"`));
          if (line === undefined && !ended) return;
          listeners.delete(look);
          if (line === undefined) reject(new Error(`the process ended: ${log.join("\n")}`));
          else resolve(JSON.parse(line) as Record<string, unknown>);
        };
        listeners.add(look);
        look();
      }),
    async kill() {
      child.kill("SIGKILL");
      await exit;
    },
    async stop() {
      if (!ended) child.kill("SIGTERM");
      await closed;
    },
  };
}

/** Starts an installation; every device stands in the inventory under its name. */
export async function startSystem(options: {
  readonly devices: readonly SimulatedDevice[];
  readonly workers?: number;
  readonly env?: Readonly<Record<string, string>>;
}): Promise<System> {
  const dir = await mkdtemp(join(tmpdir(), "pm-system-"));
  const redis = await startPrivateRedis({ dir: join(dir, "redis") });
  // Some leave their ports and come back to them.
  const devices = await Promise.all(options.devices.map(async (one) => ({ port: await freePort(), ...one })));
  const simulator = await createSimulator({ clock: systemClock, devices });
  const env = {
    POINTSMAN_REDIS_URL: redis.socketPath,
    POINTSMAN_SEALING_KEY: Buffer.alloc(32, 7).toString("base64"),
    POINTSMAN_JOURNAL_DIR: join(dir, "journal"),
    POINTSMAN_PORT: "0",
    POINTSMAN_DRAIN_SECONDS: "1",
    POINTSMAN_LOG_LEVEL: "debug",
    ...options.env,
  };
  const server = startOurs(["server"], env);
  const { host, port } = await server.logged("server ready");
  const url = `http://${String(host)}:${String(port)}`;
  const client = new Pointsman({ baseUrl: url, apiKey: "" });
  await client.credentials.create("lab", login);
  for (const { name, platform } of options.devices) {
    const { host: address, port: devicePort, hostKeyLine } = simulator.device(name);
    const hostKeys = [hostKeyLine];
    await client.devices.create({ name, address, port: devicePort, platform, credential: "lab", hostKeys });
  }
  const workers: OurProcess[] = [];
  const startWorker = async (more: Readonly<Record<string, string>> = {}): Promise<OurProcess> => {
    const worker = startOurs(["worker"], { ...env, ...more });
    workers.push(worker);
    await worker.logged("worker ready");
    return worker;
  };
  for (let i = 0; i < (options.workers ?? 1); i++) await startWorker();
  return {
    ...{ dir, redis, server, url, client, simulator, workers, env, startWorker },
    toldToStop: (job) =>
      eventually(() => {
        const lines = workers.flatMap(({ log }) => log);
        if (!lines.some((line) => line.includes(job) && line.includes("an attempt is told to stop")))
          throw new Error(`no worker was told that ${job} is to stop`);
      }),
    async close() {
      client.close();
      await Promise.all([...workers, server].map((one) => one.stop()));
      await simulator.close();
      await redis.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
