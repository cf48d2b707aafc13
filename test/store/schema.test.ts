import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createKeySpace } from "../../src/store/keys.js";
import { createRedisStore } from "../../src/store/redis-store.js";
import { createCalendar } from "../../src/system/calendar.js";
import { type KnownSchemas, knownSchemas, openSchema, type SchemaStep } from "../../src/store/schema.js";
import { createScripts } from "../../src/store/scripts.js";
import { openTestStore, type TestStore } from "../support/store.js";

let at: TestStore;
beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());
afterEach(() => at.redis.flushall());

const keys = createKeySpace("pm");
const stored = (): Promise<Record<string, string>> => at.redis.hgetall("{pm}:schema");
const note = (version: number, least: number): Promise<unknown> => at.redis.hset("{pm}:schema", { version, least });

function software(version: number, least: number, ...steps: [number, SchemaStep][]): KnownSchemas {
  return { ours: { version, least }, steps: new Map(steps) };
}

function start(known: KnownSchemas): Promise<void> {
  return openSchema(at.redis, createScripts(at.redis), keys, known);
}

function openStore(): ReturnType<typeof createRedisStore> {
  return createRedisStore({ calendar: createCalendar(), address: at.address, now: () => 0, monotonic: () => 0 });
}

describe("the schema of the store", () => {
  test("is noted at the first start, by several processes at once as by one", async () => {
    const stores = await Promise.all([openStore(), openStore(), openStore()]);
    const { version, least } = knownSchemas.ours;
    expect(await stored()).toEqual({ version: String(version), least: String(least) });
    await Promise.all(stores.map((store) => store.close()));
  });

  test("two neighbouring versions run side by side, whichever starts first", async () => {
    const [old, young] = [software(4, 3), software(5, 4, [4, "accepted"])];
    for (const order of [
      [old, young, old],
      [young, old, young],
    ]) {
      await note(4, 3);
      for (const one of order) await start(one);
      expect(await stored()).toEqual({ version: "5", least: "4" });
    }
  });

  test("a newer one that does not say we may use it is refused with one line, and left as it is", async () => {
    const { version } = knownSchemas.ours;
    await note(version + 2, version + 1);
    await expect(openStore()).rejects.toThrow(
      `the store has schema ${version + 2}, which takes software for schema ${version + 1} or newer; this is for schema ${version}: upgrade it`,
    );
    expect(await stored()).toEqual({ version: String(version + 2), least: String(version + 1) });
    await note(version + 1, version);
    await (await openStore()).close();
    expect(await stored()).toEqual({ version: String(version + 1), least: String(version) });
  });

  test("an older one is brought up step by step, each step before its note", async () => {
    await note(1, 0);
    const done: string[] = [];
    const step =
      (name: string): SchemaStep =>
      async () => {
        done.push(`${name} at ${(await stored())["version"] ?? ""}`);
      };
    await start(software(4, 3, [1, step("one")], [2, "accepted"], [3, step("three")]));
    expect(done).toEqual(["one at 1", "three at 1"]);
    expect(await stored()).toEqual({ version: "4", least: "3" });
  });

  test("one without a way up is refused, and so is a note that is none", async () => {
    await note(1, 0);
    await expect(start(software(4, 3, [2, "accepted"], [3, "accepted"]))).rejects.toThrow(/too old.*from schema 1/);
    await at.redis.hset("{pm}:schema", "version", "many");
    await expect(start(software(4, 3))).rejects.toThrow("notes a schema that is none");
  });

  test("a note that another process raised meanwhile is not lowered", async () => {
    await note(1, 0);
    const meanwhile: SchemaStep = async () => void (await note(3, 2));
    await start(software(2, 1, [1, meanwhile]));
    expect(await stored()).toEqual({ version: "3", least: "2" });
  });
});
