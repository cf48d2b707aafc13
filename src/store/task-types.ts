import type { TaskType } from "../domain/task-type.js";
import type { StoreConnection } from "./connection.js";
import { type KeySpace, keyOf } from "./keys.js";
import type { TaskTypeRecord, TaskTypeStore } from "./store.js";
import type { Zones } from "./zones.js";

/** Types of tasks, as the workers that loaded them last describe them. */
export function createTaskTypeStore(redis: StoreConnection, keys: KeySpace, zones: Zones): TaskTypeStore {
  async function read(zone: string, name: string): Promise<TaskTypeRecord | undefined> {
    const root = keys.zone(zone);
    const [[definition, at], workers] = await Promise.all([
      redis.hmget(keyOf(root, "type", name), "def", "at"),
      redis.smembers(keyOf(root, "skilled", `task/${name}`)),
    ]);
    if (typeof definition !== "string") return undefined;
    return { ...(JSON.parse(definition) as TaskType), zone, loadMs: Number(at), workers: workers.sort() };
  }

  return {
    async find(zone, names) {
      const root = keys.zone(zone);
      const found = await Promise.all(names.map((name) => redis.hget(keyOf(root, "type", name), "def")));
      return found.flatMap((definition) => (definition === null ? [] : [JSON.parse(definition) as TaskType]));
    },
    async list(wanted) {
      const known = [...(await zones.all()).keys()];
      const chosen = wanted?.length ? known.filter((zone) => wanted.includes(zone)) : known;
      const inZone = async (zone: string) => {
        const names = await redis.smembers(keyOf(keys.zone(zone), "types"));
        return Promise.all(names.map((name) => read(zone, name)));
      };
      const types = (await Promise.all(chosen.map(inZone))).flat().filter((type) => type !== undefined);
      return types.sort((a, b) => compare(a.name, b.name) || compare(a.zone, b.zone));
    },
  };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
