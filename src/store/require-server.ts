import type { Redis } from "ioredis";

/** The oldest Redis whose commands are all there; every Valkey has them. */
const oldest = 7;

/** How a process runs, and the scheme that such a one is reached by. */
const schemes: Readonly<Record<string, string>> = {
  standalone: "redis://",
  cluster: "redis-cluster://",
  sentinel: "redis-sentinel://",
};

/** Throws one line when the server is older than what the scripts need, or runs in another way than the URL says. */
export async function requireServer(redis: Redis, mode: "standalone" | "cluster"): Promise<void> {
  const facts = await redis.info("server");
  const fact = (name: string): string => new RegExp(`^${name}:(\\S+)`, "m").exec(facts)?.[1] ?? "unknown";
  // Valkey gives, beside its own, the version of Redis that it is compatible with.
  const version = fact("redis_version");
  const found = fact("redis_mode");
  if (found !== mode && found in schemes) {
    throw new Error(`it runs as ${found}, which is reached by ${schemes[found] ?? ""}`);
  }
  if (!(Number.parseInt(version, 10) >= oldest)) {
    throw new Error(`its version is ${version}, and ${oldest}.0 is the oldest that will do`);
  }
}
