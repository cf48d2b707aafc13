import type { RunTargetRecord } from "../domain/run.js";
import type { StoreConnection } from "./connection.js";
import { keyOf } from "./keys.js";

/** Targets in a field of the hash: so that a page takes few fields, and a field few bytes. */
const perField = 100;
/** Bytes written in one call at most, unless one field alone has more. */
const mostBytes = 256 * 1024;
/** What was written for a run that was never opened goes away after this long. */
const stagedMs = 3_600_000;

/** The targets of runs, as they were created. They never change; their logins are erased when the run ends. */
export interface RunTargets {
  /** Writes all, in calls of bounded size. They go away after an hour unless the run is opened. */
  write(id: string, targets: readonly RunTargetRecord[]): Promise<void>;
  read(id: string, indexes: readonly number[]): Promise<readonly RunTargetRecord[]>;
  secrets(id: string, indexes: readonly number[]): Promise<ReadonlyMap<number, Uint8Array>>;
}

export function createRunTargets(redis: StoreConnection, root: string): RunTargets {
  /** Writes fields of one hash, some at a time. */
  async function writeHash(key: string, fields: Iterable<readonly [string, string]>): Promise<void> {
    let part: string[] = [];
    let bytes = 0;
    const send = async (): Promise<void> => {
      if (part.length === 0) return;
      await redis.hset(key, ...part);
      await redis.pexpire(key, stagedMs);
      part = [];
      bytes = 0;
    };
    for (const [name, value] of fields) {
      if (bytes > 0 && bytes + value.length > mostBytes) await send();
      part.push(name, value);
      bytes += value.length;
    }
    await send();
  }

  return {
    async write(id, targets) {
      const fields: [string, string][] = [];
      const secrets: [string, string][] = [];
      for (let from = 0; from < targets.length; from += perField) {
        const plain = targets.slice(from, from + perField).map(({ secret, ...rest }, i) => {
          if (secret) secrets.push([String(from + i), Buffer.from(secret).toString("base64")]);
          return rest;
        });
        fields.push([String(from / perField), JSON.stringify(plain)]);
      }
      await writeHash(keyOf(root, "run-targets", id), fields);
      await writeHash(keyOf(root, "run-secrets", id), secrets);
    },

    async read(id, indexes) {
      if (indexes.length === 0) return [];
      const names = [...new Set(indexes.map((index) => String(Math.floor(index / perField))))];
      const stored = await redis.hmget(keyOf(root, "run-targets", id), ...names);
      const fields = new Map(names.map((name, i) => [name, JSON.parse(stored[i] ?? "[]") as RunTargetRecord[]]));
      return indexes.flatMap((index) => {
        const target = fields.get(String(Math.floor(index / perField)))?.[index % perField];
        return target ? [target] : [];
      });
    },

    async secrets(id, indexes) {
      const found = new Map<number, Uint8Array>();
      if (indexes.length === 0) return found;
      const stored = await redis.hmget(keyOf(root, "run-secrets", id), ...indexes.map(String));
      indexes.forEach((index, i) => {
        const secret = stored[i];
        if (typeof secret === "string") found.set(index, Buffer.from(secret, "base64"));
      });
      return found;
    },
  };
}
