import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Pointsman } from "@pointsman/sdk";
import type { Logger } from "pino";
import { assembleServer, assembleWorker, openBase } from "../commands/assemble.js";
import { type Config, loadConfig } from "../config.js";
import type { Service } from "../domain/service.js";
import { systemClock } from "../system/clock.js";
import { startPrivateRedis } from "./private-redis.js";
import { type FleetDevice, startSimulatedFleet } from "./simulator/fleet.js";

/** What an embedded stack needs to know. */
export interface StackOptions {
  /** Folder for Redis, keys, journals and the simulated devices' memory. */
  readonly dataDir: string;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Simulated devices. 0: none. */
  readonly devices: number;
  readonly logger: Logger;
}

/** A whole Pointsman in one process, with devices to talk to. */
export interface Stack {
  readonly url: string;
  readonly devices: readonly FleetDevice[];
  stop(): Promise<void>;
}

/** Name of the credential of the simulated devices. */
const simulatedCredential = "simulated";

/** Starts a private Redis, a server, a worker and simulated devices, and puts the devices into the inventory. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { dataDir, logger } = options;
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (let last = stops.pop(); last; last = stops.pop()) await last();
  };
  try {
    const redis = await startPrivateRedis({ dir: join(dataDir, "redis") });
    stops.push(() => redis.stop());
    const base = await openBase(configOf(options, redis.socketPath), logger, true);
    stops.push(() => base.close());
    const server = assembleServer(base);
    const worker = assembleWorker(base);
    for (const service of [server, worker] satisfies Service[]) {
      await service.start();
      stops.push(() => service.stop());
    }
    const { host, port } = server.address();
    const url = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
    const devices = options.devices > 0 ? await addFleet(options, url, stops) : [];
    return { url, devices, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function configOf({ dataDir, host, port }: StackOptions, redisUrl: string): Config {
  // Of the settings, those that say what jobs may do on this machine and call from it; the rest is the stack's own.
  const mayDo = Object.entries(process.env).filter(([name]) => /^POINTSMAN_(HTTP|SHELL|TASK|NODE)/.test(name));
  return loadConfig(
    undefined,
    { POINTSMAN_SHELL_COMMANDS: "echo", ...Object.fromEntries(mayDo) },
    {
      redisUrl,
      host,
      port,
      sealingKeyFile: join(dataDir, "sealing.key"),
      journalDir: join(dataDir, "journal"),
      hostKeyPolicy: "accept-new",
      drainSeconds: 2,
    },
  );
}

async function addFleet(
  { dataDir, devices: count }: StackOptions,
  url: string,
  stops: (() => Promise<void>)[],
): Promise<readonly FleetDevice[]> {
  const fleet = await startSimulatedFleet({ clock: systemClock, count, dir: join(dataDir, "devices") });
  stops.push(() => fleet.close());
  const [first] = fleet.devices;
  if (!first) return [];
  await using client = new Pointsman({ baseUrl: url, apiKey: "" });
  const enableSecret = fleet.devices.find((device) => device.enableSecret !== undefined)?.enableSecret;
  const login = { username: first.username, password: first.password, ...(enableSecret ? { enableSecret } : {}) };
  await client.credentials.create(simulatedCredential, login).catch(async () => {
    await client.credentials.update(simulatedCredential, login);
  });
  for (const { name, address, port, platform, labels, hostKeyLine } of fleet.devices) {
    const fields = { address, port, platform, labels, hostKeys: [hostKeyLine], credential: simulatedCredential };
    await client.devices.create({ name, ...fields }).catch(async () => {
      await client.devices.update(name, fields);
    });
  }
  return fleet.devices;
}
