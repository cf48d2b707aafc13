import type { Redis } from "ioredis";

/** The oldest Redis whose commands are all there; every Valkey has them. */
const oldest = 7;

/** Throws one line when the server is older than what the scripts need. */
export async function requireVersion(redis: Redis): Promise<void> {
  const facts = await redis.info("server");
  // Valkey gives, beside its own, the version of Redis that it is compatible with.
  const version = /^redis_version:(\S+)/m.exec(facts)?.[1] ?? "of unknown version";
  if (!(Number.parseInt(version, 10) >= oldest))
    throw new Error(`it is ${version}, and ${oldest}.0 is the oldest that will do`);
}
