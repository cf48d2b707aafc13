import type { StoreConnection } from "./connection.js";
import { type KeySpace, keyOf } from "./keys.js";
import type { Scripts } from "./scripts.js";

/** Layout of the keys: what the installation notes under `schema`. */
export interface Schema {
  /** Grows by one with every release that writes something its predecessor does not. */
  readonly version: number;
  /** The oldest layout whose software can still work with this one: usually the one before it. */
  readonly least: number;
}

/** A step from one layout to the next: nothing to do, because what is missing reads as its default, or work to do. */
export type SchemaStep = "accepted" | ((redis: StoreConnection) => Promise<void>);

/** What a version of the software knows about layouts. */
export interface KnownSchemas {
  readonly ours: Schema;
  /** From each older layout to the next. One that is not here is too old. A step may run twice, and beside others. */
  readonly steps: ReadonlyMap<number, SchemaStep>;
}

/** What this version knows. Layout 0 is a store without a note: an empty one, or one from before notes were made. */
export const knownSchemas: KnownSchemas = {
  ours: { version: 1, least: 0 },
  steps: new Map<number, SchemaStep>([[0, "accepted"]]),
};

/** The store and this software do not go together. The message is one line for the operator. */
export class SchemaError extends Error {
  override readonly name = "SchemaError";
}

/**
 * Makes sure that this software can work with the store, at start. A store of an older layout is brought to ours; one
 * of the next layout is used as it is when it says that we may: so two neighbouring versions run side by side while a
 * fleet is upgraded, whichever starts first. Throws SchemaError for anything else.
 */
export async function openSchema(
  redis: StoreConnection,
  scripts: Scripts,
  keys: KeySpace,
  { ours, steps }: KnownSchemas = knownSchemas,
): Promise<void> {
  const key = keyOf(keys.installation, "schema");
  for (;;) {
    const [version, least] = await redis.hmget(key, "version", "least");
    const stored: Schema = { version: Number(version ?? 0), least: Number(least ?? 0) };
    if (!Number.isInteger(stored.version) || !Number.isInteger(stored.least)) {
      throw new SchemaError(`the store notes a schema that is none: ${version ?? ""} ${least ?? ""}`);
    }
    if (stored.version === ours.version) return;
    if (stored.version > ours.version) {
      if (stored.least <= ours.version) return;
      throw new SchemaError(
        `the store has schema ${stored.version}, which takes software for schema ${stored.least} or newer; this is for schema ${ours.version}: upgrade it`,
      );
    }
    for (let from = stored.version; from < ours.version; from++) {
      const step = steps.get(from);
      if (step === undefined) {
        const message = `the store has schema ${stored.version}, too old for this software, which has no way up from schema ${from}: start a release in between first`;
        throw new SchemaError(message);
      }
      if (step !== "accepted") await step(redis);
    }
    const written = await scripts.run("write_schema", keys.installation, version ?? "", ours.version, ours.least);
    if (written === 1) return;
  }
}
