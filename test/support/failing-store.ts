import type { TestApi } from "./api-server.js";

/** Ends the Redis under a served API, for good, while the server goes on. */
export async function loseStore({ at }: TestApi): Promise<void> {
  const closed = new Promise<void>((done) => at.redis.once("close", () => done()));
  // The server never answers this: it is gone.
  at.redis.shutdown("NOSAVE").catch(() => undefined);
  await closed;
  at.redis.disconnect();
}
