import type { StoreConnection } from "./connection.js";
import { type KeySpace, keyOf } from "./keys.js";
import { list, type Scripts } from "./scripts.js";
import type { PauseRecord, QueueRecord, QueueStore, QueueTarget } from "./store.js";

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
    const [facts, sizes, heads] = await Promise.all([
      redis.hmget(keyOf(root, "ep", endpoint), "run", "paused"),
      Promise.all(lines.map((line) => redis.zcard(line))),
      Promise.all(lines.map((line) => redis.zrange(line, "0", "0"))),
    ]);
    const accepted = await Promise.all(heads.flat().map((id) => redis.hget(keyOf(root, "job", id), "ct")));
    const first = Math.min(...accepted.map(Number));
    return {
      zone,
      name: `device/${device}`,
      waiting: sizes.reduce((sum, size) => sum + size, 0),
      running: facts[0] ? 1 : 0,
      ...(Number.isFinite(first) ? { oldestMs: first } : {}),
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
