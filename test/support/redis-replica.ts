import { mkdir } from "node:fs/promises";
import { Redis } from "ioredis";
import { startPrivateRedis } from "../../src/dev/private-redis.js";
import { eventually } from "./eventually.js";
import { freePort } from "./free-port.js";

/** A replica that can be kept from hearing anything. */
export interface Replica {
  /** Stands still from now on: it hears nothing and acknowledges nothing. */
  freeze(): void;
  thaw(): void;
  close(): Promise<void>;
}

/** Gives a private Redis a replica in `dir`, and waits until it follows. */
export async function startReplica(primarySocket: string, dir: string): Promise<Replica> {
  const port = await freePort();
  const primary = new Redis({ path: primarySocket });
  await primary.config("SET", "bind", "127.0.0.1", "port", String(port), "repl-diskless-sync-delay", "0");
  await mkdir(dir, { recursive: true });
  const server = await startPrivateRedis({ dir, extraArgs: ["--replicaof", "127.0.0.1", String(port)] });
  const signal = (name: NodeJS.Signals): void => void process.kill(server.pid, name);
  await eventually(async () => {
    // Acknowledged once means that it follows.
    if ((await primary.wait(1, 1_000)) < 1) throw new Error(await primary.info("replication"));
  }, 120_000);
  primary.disconnect();
  return {
    freeze: () => signal("SIGSTOP"),
    thaw: () => signal("SIGCONT"),
    async close() {
      signal("SIGCONT");
      await server.stop();
    },
  };
}
