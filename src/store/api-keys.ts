import type { StoreConnection } from "./connection.js";
import { type KeySpace, keyOf } from "./keys.js";
import type { ApiKeyRecord, ApiKeyStore, Role } from "./store.js";

/** Keys of callers: one hash, by the public part of the key. */
export function createApiKeyStore(redis: StoreConnection, keys: KeySpace, now: () => number): ApiKeyStore {
  const all = keyOf(keys.installation, "apikeys");
  const read = (id: string, body: string): ApiKeyRecord => {
    const { name, role, hash, createMs } = JSON.parse(body) as { name: string; role: Role } & ApiKeyRecord;
    return { id, name, role, hash, createMs };
  };
  return {
    async create(key) {
      const record = { ...key, createMs: now() };
      await redis.hset(all, key.id, JSON.stringify(record));
      return record;
    },
    async get(id) {
      const body = await redis.hget(all, id);
      return body === null ? undefined : read(id, body);
    },
    async list() {
      const found = Object.entries(await redis.hgetall(all)).map(([id, body]) => read(id, body));
      return found.sort((a, b) => a.createMs - b.createMs);
    },
    async remove(id) {
      return (await redis.hdel(all, id)) === 1;
    },
    async any() {
      return (await redis.hlen(all)) > 0;
    },
  };
}
