import type { StoreConnection } from "./connection.js";
import { type KeySpace, keyOf } from "./keys.js";
import type { WorkerRecord, WorkerStore } from "./store.js";
import type { Zones } from "./zones.js";

/** Workers, as their beats describe them. */
export function createWorkerStore(redis: StoreConnection, keys: KeySpace, zones: Zones): WorkerStore {
  async function inZone(zone: string): Promise<WorkerRecord[]> {
    const root = keys.zone(zone);
    const names = await redis.smembers(keyOf(root, "workers"));
    const found = await Promise.all(
      names.map(async (name) => {
        const [facts, devices] = await Promise.all([
          redis.hgetall(keyOf(root, "worker", name)),
          redis.scard(keyOf(root, "owned", name)),
        ]);
        return facts["st"] === undefined ? undefined : read(zone, name, facts, devices);
      }),
    );
    return found.filter((worker) => worker !== undefined);
  }

  return {
    async list(wanted) {
      const known = [...(await zones.all()).keys()];
      const chosen = wanted?.length ? known.filter((zone) => wanted.includes(zone)) : known;
      const workers = (await Promise.all(chosen.map(inZone))).flat();
      return workers.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    },
    endpoints: (zone, worker, limit) => redis.srandmember(keyOf(keys.zone(zone), "owned", worker), limit),
  };
}

function read(zone: string, name: string, facts: Readonly<Record<string, string>>, devices: number): WorkerRecord {
  const number = (field: string): number => Number(facts[field] ?? 0);
  return {
    name,
    zone,
    pid: number("pid"),
    hostname: facts["host"] ?? "",
    version: facts["ver"] ?? "",
    birthMs: number("born"),
    beatMs: number("bt"),
    beat: number("beat"),
    state: (facts["st"] ?? "dead") as WorkerRecord["state"],
    capacity: number("cap"),
    running: number("run"),
    sessions: number("ses"),
    succeeded: number("good"),
    failed: number("bad"),
    devices,
  };
}
