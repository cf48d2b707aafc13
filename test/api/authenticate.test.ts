import { expect, test } from "vitest";
import { createApiKey } from "../../src/api/calls/api-keys.js";
import { createAuthenticate } from "../../src/api/http/authenticate.js";
import type { AnyRequest } from "../../src/api/http/one-port-server.js";
import type { ApiKeyRecord, ApiKeyStore } from "../../src/store/store.js";
import { systemRandom } from "../../src/system/random.js";
import { createHandClock } from "../support/hand-clock.js";

/** A store of keys that can be made to refuse, or to say nothing at all. */
function keyStore() {
  const records = new Map<string, ApiKeyRecord>();
  const state = { mood: "well" as "well" | "refuses" | "silent", asked: 0 };
  const answer = <T>(value: () => T): Promise<T> => {
    state.asked++;
    if (state.mood === "silent") return new Promise(() => undefined);
    return state.mood === "refuses" ? Promise.reject(new Error("away")) : Promise.resolve(value());
  };
  const apiKeys = {
    get: (id: string) => answer(() => records.get(id)),
    any: () => answer(() => records.size > 0),
    create: (record: ApiKeyRecord) => answer(() => (records.set(record.id, record), record)),
  } as unknown as ApiKeyStore;
  return { apiKeys, records, state };
}

/** A key with another character at one place, whatever stood there. */
const withOther = (key: string, at: number) => key.slice(0, at) + (key[at] === "a" ? "b" : "a") + key.slice(at + 1);

const requestWith = (key: string) => ({ headers: { "x-api-key": key } }) as unknown as AnyRequest;

test.each(["refuses", "silent"] as const)(
  "a key that was known holds on while the store %s, and is looked up again when it is back",
  async (mood) => {
    const clock = createHandClock();
    const { apiKeys, records, state } = keyStore();
    const { key } = await createApiKey({ apiKeys, random: systemRandom }, { name: "ann", role: "reader" });
    const authenticate = createAuthenticate({ apiKeys, clock, open: () => false });
    expect(await authenticate(requestWith(key))).toEqual({ name: "ann", role: "reader" });

    state.mood = mood;
    for (let i = 0; i < 3; i++) {
      await clock.advance(6_000);
      const asked = authenticate(requestWith(key));
      await clock.advance(1_000);
      expect(await asked).toEqual({ name: "ann", role: "reader" });
    }
    // A wrong secret is none the better for it, and of a key that it was not asked about before nothing is known.
    for (const stranger of [withOther(key, key.length - 1), withOther(key, "pm_".length)]) {
      let letIn = false;
      void authenticate(requestWith(stranger)).then(
        () => (letIn = true),
        () => undefined,
      );
      await clock.advance(2_000);
      expect(letIn).toBe(false);
    }

    state.mood = "well";
    records.clear();
    await clock.advance(6_000);
    await expect(authenticate(requestWith(key))).rejects.toThrow(/API key/);
  },
);
