import { join } from "node:path";
import { Pointsman } from "@pointsman/sdk";
import { type PrivateRedis, startPrivateRedis } from "../../src/dev/private-redis.js";
import { type DevicePlace, login } from "../chaos/fleet.js";
import { startDevices } from "../chaos/installation.js";
import { type Member, startMember } from "../chaos/member.js";
import { freePort } from "../support/free-port.js";

/** A server or worker of a rehearsal. */
export type Player = Member<undefined>;

/** How large an installation is, and where it keeps its files. */
export interface StandOptions {
  readonly dir: string;
  readonly servers: number;
  readonly workers: number;
  readonly devices: number;
}

/** An installation in processes of its own, whose devices do as they are told. */
export interface Stand {
  readonly redis: PrivateRedis;
  readonly servers: readonly Player[];
  readonly workers: readonly Player[];
  readonly devices: readonly DevicePlace[];
  /** A client that knows all the servers. */
  readonly client: Pointsman;
  /** File of the devices' journal. */
  readonly journal: string;
  /** Starts Redis again on the data it left. */
  restartRedis(): Promise<void>;
  close(): Promise<void>;
}

const host = "127.0.0.1";

export async function startStand(options: StandOptions): Promise<Stand> {
  const { dir } = options;
  const stops: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (let stop = stops.pop(); stop; stop = stops.pop()) await stop();
  };
  try {
    const redisDir = join(dir, "redis");
    let redis = await startPrivateRedis({ dir: redisDir });
    stops.push(() => redis.stop());
    const journal = join(dir, "devices.journal");
    const devices = await startDevices({ devices: options.devices, seed: "1", calm: true }, journal, stops);

    const env = {
      POINTSMAN_REDIS_URL: redis.socketPath,
      POINTSMAN_SEALING_KEY: Buffer.alloc(32, 7).toString("base64"),
      POINTSMAN_DRAIN_SECONDS: "10",
      POINTSMAN_LOG_LEVEL: "info",
    };
    const player = (name: string, command: string, more: Record<string, string>): Player => {
      const started = startMember(name, [command], { ...env, ...more }, undefined, `${command} ready`);
      stops.push(() => started.stop());
      return started;
    };
    const ports = await Promise.all(Array.from({ length: options.servers }, freePort));
    const servers = ports.map((port, n) => player(`server-${n}`, "server", { POINTSMAN_PORT: String(port) }));
    await Promise.all(servers.map((server) => server.ready()));
    const client = new Pointsman({ baseUrl: ports.map((port) => `http://${host}:${port}`), apiKey: "" });
    stops.push(() => Promise.resolve(client.close()));
    await client.credentials.create("lab", login);
    await Promise.all(
      devices.map(({ name, platform, port, hostKeyLine }) =>
        client.devices.create({ name, platform, address: host, port, credential: "lab", hostKeys: [hostKeyLine] }),
      ),
    );
    const workers = Array.from({ length: options.workers }, (_, n) =>
      player(`worker-${n}`, "worker", { POINTSMAN_JOURNAL_DIR: join(dir, `journal-${n}`) }),
    );
    await Promise.all(workers.map((worker) => worker.ready()));
    return {
      get redis() {
        return redis;
      },
      ...{ servers, workers, devices, client, journal, close },
      async restartRedis() {
        redis = await startPrivateRedis({ dir: redisDir });
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
