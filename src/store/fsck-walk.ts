import type { Redis } from "ioredis";
import type { ScriptName } from "./scripts.js";

/** Things of one kind for one script to judge. `fixed` goes before the things in its arguments. */
export interface Batch {
  readonly script: ScriptName;
  readonly fixed: readonly string[];
  readonly things: readonly string[];
}

/** Things that one script call judges, so that no call keeps Redis from its other work. */
const batchSize = 100;
/** Keys or members that one scan looks at. */
export const scanCount = 500;
/** What a request id whose job is gone is kept for, when it has no end. */
const requestIdMs = 7 * 86_400_000;

/** Kinds whose name is a device's endpoint. */
const ofDevices = new Set(["ep", "reads", "changes", "reads-pass", "changes-pass", "later", "holds"]);
/** Kinds whose members are endpoints. */
const holdDevices = new Set(["ready", "handoff", "locks", "owned", "warm"]);
/** Kinds whose members are workers. */
const holdWorkers = new Set(["workers", "alive", "idle", "graves", "witnesses"]);
/** Kinds each of whose members needs a reason. */
const entries = new Set([
  ...[
    "ix:state",
    "ix:deleted",
    "ix:device",
    "ix:run",
    "reads",
    "changes",
    "reads-pass",
    "changes-pass",
    "later",
    "delayed",
    "expire",
  ],
  ...[
    "parked",
    "permits",
    "queue",
    "holds",
    "cancels",
    "done:good",
    "done:bad",
    "outputs",
    "owned",
    "warm",
    "held",
    "ready",
    "skilled",
  ],
]);
/** Kinds that belong to one job. */
const parts = new Set(["events", "output", "transcript", "secret", "dedupe", "request"]);

/**
 * Walks over all keys under a zone's root in bounded steps and says what is to be judged. A key that is there from the
 * beginning to the end of the walk is met at least once; what comes or goes meanwhile may be missed.
 */
export async function* walk(redis: Redis, root: string): AsyncGenerator<Batch> {
  for (let cursor = "0"; ;) {
    const [next, keys] = await redis.scan(cursor, "MATCH", `${root}:*`, "COUNT", scanCount);
    const named = new Map<string, Set<string>>();
    for (const key of keys) {
      const [, kind = "", name = ""] =
        /^(ix:[a-z]+|done:[a-z]+|[^:]+)(?::(.*))?$/s.exec(key.slice(root.length + 1)) ?? [];
      const gather = (group: string, thing: string) =>
        void named.set(group, (named.get(group) ?? new Set()).add(thing));
      if (kind === "job") gather("jobs", name);
      if (kind === "worker") gather("workers", name);
      if (ofDevices.has(kind)) gather("devices", name);
      if (parts.has(kind)) gather(kind, name);
      if (kind === "frozen") gather("freezes", name);
      if (kind === "freezes") {
        for (const policy of await redis.hkeys(key)) if (!policy.startsWith("#")) gather("freezes", policy);
      }
      if (!entries.has(kind) && !holdDevices.has(kind) && !holdWorkers.has(kind)) continue;
      for await (const members of membersOf(redis, key)) {
        if (entries.has(kind)) yield* batches("fsck_entries", [kind, name], members);
        if (holdDevices.has(kind)) yield* batches("fsck_devices", [], members);
        if (holdWorkers.has(kind)) yield* batches("fsck_workers", [], members);
      }
    }
    for (const [group, things] of named) {
      if (group === "jobs" || group === "workers" || group === "devices" || group === "freezes")
        yield* batches(`fsck_${group}`, [], [...things]);
      else yield* batches("fsck_parts", [group, String(requestIdMs)], [...things]);
    }
    if (next === "0") return;
    cursor = next;
  }
}

/** Things in batches for one script. */
export function* batches(script: ScriptName, fixed: readonly string[], things: readonly string[]): Generator<Batch> {
  for (let i = 0; i < things.length; i += batchSize) {
    yield { script, fixed, things: things.slice(i, i + batchSize) };
  }
}

/** Members of a set, sorted or not, some at a time. */
export async function* membersOf(redis: Redis, key: string): AsyncGenerator<readonly string[]> {
  const type = await redis.type(key);
  if (type !== "zset" && type !== "set") return;
  for (let cursor = "0"; ;) {
    const [next, found] =
      type === "set"
        ? await redis.sscan(key, cursor, "COUNT", scanCount)
        : await redis.zscan(key, cursor, "COUNT", scanCount);
    // A sorted set gives members and scores in turn.
    yield type === "set" ? found : found.filter((_, i) => i % 2 === 0);
    if (next === "0") return;
    cursor = next;
  }
}
