import type { StoreConnection } from "./connection.js";
import { maxZones } from "../domain/job-id.js";
import { type KeySpace, keyOf } from "./keys.js";
import type { Scripts } from "./scripts.js";

/** Zones and their numbers, which job ids carry. A number, once given, stays. */
export interface Zones {
  all(): Promise<ReadonlyMap<string, number>>;
  ensure(zone: string): Promise<number>;
  /** The name of the zone with this number, or undefined when there is none. */
  named(number: number): Promise<string | undefined>;
}

export function createZones(redis: StoreConnection, scripts: Scripts, keys: KeySpace): Zones {
  const numbers = new Map<string, number>();
  const names = new Map<number, string>();

  function learn(zone: string, number: number): void {
    numbers.set(zone, number);
    names.set(number, zone);
  }

  async function refresh(): Promise<void> {
    const stored = await redis.hgetall(keyOf(keys.installation, "zones"));
    for (const [zone, number] of Object.entries(stored)) learn(zone, Number(number));
  }

  return {
    async all() {
      await refresh();
      return numbers;
    },
    async ensure(zone) {
      const known = numbers.get(zone);
      if (known !== undefined) return known;
      const number = Number(await scripts.run("ensure_zone", keys.installation, zone, maxZones));
      if (number < 0) throw new RangeError(`an installation can have ${maxZones} zones at most`);
      learn(zone, number);
      return number;
    },
    async named(number) {
      if (!names.has(number)) await refresh();
      return names.get(number);
    },
  };
}
