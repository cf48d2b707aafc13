import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Gives the bench's Redis a replica that syncs its log as the primary does; resolves when it follows. */
export async function startReplica({ redis, fsync }, dist) {
  const { startPrivateRedis } = await dist("dev/private-redis.js");
  const port = await freePort();
  await redis.config("SET", "bind", "127.0.0.1", "port", String(port), "repl-diskless-sync-delay", "0");
  const dir = await mkdtemp(join(tmpdir(), "pm-bench-replica-"));
  const appendOnly = fsync !== "no";
  const extraArgs = ["--replicaof", "127.0.0.1", String(port), ...(appendOnly ? ["--appendfsync", fsync] : [])];
  const replica = await startPrivateRedis({ dir, appendOnly, extraArgs });
  while ((await redis.wait(1, 1_000)) < 1);
  return {
    async stop() {
      await replica.stop();
      await redis.config("SET", "port", "0");
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
