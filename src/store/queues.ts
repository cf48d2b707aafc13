import type { StoreConnection } from "./connection.js";
import { type KeySpace, keyOf } from "./keys.js";
import { list, type Scripts } from "./scripts.js";
import type { PauseRecord, QueueRecord, QueueStore, QueueTarget } from "./store.js";

/** Jobs of each line of a device that are looked at for the oldest one. */
const mostLooked = 1_000;

/** Lines of work, and limits on parallel work. */
export function createQueueStore(redis: StoreConnection, scripts: Scripts, keys: KeySpace): QueueStore {
  const pauseOf = (json: string | null | undefined): { paused?: PauseRecord } =>
    json ? { paused: JSON.parse(json) as PauseRecord } : {};
  const oldest = ([, score]: readonly string[]): { oldestMs?: number } =>
    score === undefined ? {} : { oldestMs: Number(score) };

  async function ofDevice(target: Extract<QueueTarget, { device: string }>): Promise<QueueRecord> {
    const { zone, device, endpoint } = target;
    const root = keys.zone(zone);
    const lines = [keyOf(root, "reads", endpoint), keyOf(root, "changes", endpoint)];
    const aside = keyOf(root, "later", endpoint);
    const [facts, sizes, apart, ids] = await Promise.all([
      redis.hmget(keyOf(root, "ep", endpoint), "run", "paused"),
      Promise.all(lines.map((line) => redis.zcard(line))),
      redis.scard(aside),
      Promise.all([
        ...lines.map((line) => redis.zrange(line, "0", `${mostLooked - 1}`)),
        redis.srandmember(aside, mostLooked),
      ]),
    ]);
    // A line goes by priority as well, what waits aside by nothing: ids go by acceptance.
    const [oldest] = ids.flat().sort();
    const accepted = oldest === undefined ? null : await redis.hget(keyOf(root, "job", oldest), "ct");
    return {
      zone,
      name: `device/${device}`,
      waiting: sizes.reduce((sum, size) => sum + size, apart),
      running: facts[0] ? 1 : 0,
      ...(accepted === null ? {} : { oldestMs: Number(accepted) }),
      ...pauseOf(facts[1]),
    };
  }

  async function named(zone: string, queue: string): Promise<QueueRecord> {
    const root = keys.zone(zone);
    const name = `queue/${queue}`;
    const [live, running, first, paused, limit, rates] = await Promise.all([
      redis.zcard(keyOf(root, "queue", queue)),
      redis.scard(keyOf(root, "permits", name)),
      redis.zrange(keyOf(root, "queue", queue), "0", "0", "WITHSCORES"),
      redis.hget(keyOf(root, "paused"), name),
      redis.hget(keyOf(root, "limits"), name),
      scripts.run("queue_rates", root, queue),
    ]);
    const [accepted = 0, ended = 0, ms = 1] = list(rates).map(Number);
    return {
      zone,
      name: queue,
      waiting: Math.max(0, live - running),
      running,
      ...oldest(first),
      ...pauseOf(paused),
      ...(limit === null ? {} : { limit: Number(limit) }),
      rates: { acceptedPerMinute: (accepted * 60_000) / ms, endedPerMinute: (ended * 60_000) / ms },
    };
  }

  return {
    async pause(target, pause) {
      const [endpoint, queue] = "queue" in target ? ["", target.queue] : [target.endpoint, ""];
      const why = pause ? JSON.stringify(pause) : "";
      await scripts.run("pause_queue", keys.zone(target.zone), endpoint, queue, why);
    },
    get: (target) => ("queue" in target ? named(target.zone, target.queue) : ofDevice(target)),
    async named(zone) {
      return (await redis.smembers(keyOf(keys.zone(zone), "queues"))).sort();
    },
    async limits(zone) {
      const stored = await redis.hgetall(keyOf(keys.zone(zone), "limits"));
      return new Map(Object.entries(stored).map(([name, most]) => [name, Number(most)]));
    },
    async setLimit(zone, name, most) {
      await scripts.run("set_limit", keys.zone(zone), name, most ?? "");
    },
  };
}
