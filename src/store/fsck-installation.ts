import type { Redis } from "ioredis";
import { type Batch, batches, membersOf, scanCount } from "./fsck-walk.js";

/** Kinds whose names are runs, schedules, … that one script judges. */
const scripts = {
  run: ["fsck_runs", []],
  schedule: ["fsck_schedules", []],
  "schedule-live": ["fsck_schedules", []],
  "schedule-behind": ["fsck_schedules", []],
  "schedule-history": ["fsck_schedules", []],
  firing: ["fsck_firings", ["firing"]],
  delivery: ["fsck_deliveries", ["delivery"]],
  webhook: ["fsck_deliveries", ["webhook"]],
} as const;

/** Lists whose members are such names, or need something that they stand for. */
const lists = {
  runs: ["fsck_runs", []],
  "runs-active": ["fsck_runs", []],
  schedules: ["fsck_schedules", []],
  "schedules-due": ["fsck_schedules", []],
  firings: ["fsck_firings", ["firings"]],
  "schedules-live": ["fsck_firings", ["schedules-live"]],
  "deliveries-late": ["fsck_deliveries", ["deliveries-late"]],
  "deliveries-ended": ["fsck_deliveries", ["deliveries-ended"]],
} as const;

/**
 * Walks over what is of no zone and says what is to be judged, as {@link walk} does for a zone. A thing can be met more
 * than once, by its key and in lists.
 */
export async function* walkInstallation(redis: Redis, root: string): AsyncGenerator<Batch> {
  for (const [list, [script, fixed]] of Object.entries(lists)) {
    for await (const members of membersOf(redis, `${root}:${list}`)) yield* batches(script, fixed, members);
  }
  for (let cursor = "0"; ;) {
    const [next, keys] = await redis.scan(cursor, "MATCH", `${root}:*`, "COUNT", scanCount);
    for (const key of keys) {
      const [, kind = "", name = ""] = /^([^:]+)(?::(.*))?$/s.exec(key.slice(root.length + 1)) ?? [];
      const judged = scripts[kind as keyof typeof scripts] as (typeof scripts)[keyof typeof scripts] | undefined;
      if (judged && name !== "") yield* batches(judged[0], judged[1], [name]);
      // The deliveries of one webhook: what is due, and what is in a state.
      if ((kind === "deliveries-due" || kind === "deliveries") && name !== "") {
        for await (const members of membersOf(redis, key)) {
          yield* batches("fsck_deliveries", [`${kind}:${name}`], members);
        }
      }
    }
    if (next === "0") return;
    cursor = next;
  }
}
