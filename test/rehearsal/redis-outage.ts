import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { HealthStatus } from "@pointsman/sdk/v1";
import type { Stand } from "./stand.js";
import { startTraffic, type TrafficOutcome } from "./traffic.js";

/** How Redis is taken away: stopped as a process, which then answers nobody, or killed, with its data kept. */
export type Outage = "stop" | "kill";

/** What was seen. */
export interface OutageOutcome extends TrafficOutcome {
  /** Until health said that Redis does not answer; undefined: it never did. Milliseconds. */
  readonly noticedMs: number | undefined;
  /** From Redis' return until health said that it is there, and until a job that was created then had ended. */
  readonly healthyAgainMs: number;
  readonly worksAgainMs: number;
  /** Processes that ended meanwhile. */
  readonly died: readonly string[];
  /** Memory of the process that grew most while Redis was away, and in the time that is judged, if there was one. */
  readonly outageMbPerMinute: number;
  readonly judgedMbPerMinute: number | undefined;
}

const settleMs = 60_000;
/** What a process may grow by in a minute of steady load. */
const mostMbPerMinute = 2;
const sampleMs = 500;

/**
 * Takes Redis away for `awayMs` under load, and looks at what everybody does. Then, when `memoryMs` is not 0, the load goes
 * on: for `warmUpMs`, in which heaps find their size again, and for `memoryMs`, in which memory is judged.
 */
export async function redisOutage(
  stand: Stand,
  how: {
    readonly outage: Outage;
    readonly awayMs: number;
    readonly aroundMs: number;
    readonly rate: number;
    readonly warmUpMs: number;
    readonly memoryMs: number;
  },
): Promise<OutageOutcome> {
  const { client, redis } = stand;
  const players = [...stand.servers, ...stand.workers];
  const traffic = startTraffic(stand, how.rate);
  const memory = watchMemory(() => players.map(({ pid }) => pid));
  const starts = players.map((player) => player.starts);
  await pause(how.aroundMs);

  const away = performance.now();
  if (how.outage === "stop") process.kill(redis.pid, "SIGSTOP");
  else process.kill(redis.pid, "SIGKILL");
  const noticedMs = await within(how.awayMs, async () => (await statusOfRedis(stand)) === HealthStatus.NOT_SERVING);
  await pause(Math.max(0, away + how.awayMs - performance.now()));

  const back = performance.now();
  if (how.outage === "stop") process.kill(redis.pid, "SIGCONT");
  else {
    await redis.ended;
    await stand.restartRedis();
  }
  const [healthyAgainMs, worksAgainMs] = await Promise.all([
    within(settleMs, async () => (await statusOfRedis(stand)) === HealthStatus.SERVING),
    within(settleMs, async () => {
      await client.jobs.run({ device: stand.devices[0]!.name, commands: ["show clock"] }, { timeoutMs: settleMs });
      return true;
    }),
  ]);
  await pause(how.aroundMs);
  const judged = how.memoryMs > 0 ? await between(how.warmUpMs, how.memoryMs) : undefined;
  await traffic.settled(settleMs);
  const outcome = await traffic.stop();
  const samples = memory.stop();
  return {
    ...outcome,
    noticedMs,
    healthyAgainMs: healthyAgainMs ?? Infinity,
    worksAgainMs: worksAgainMs ?? Infinity,
    died: players.filter((player, n) => player.starts !== starts[n]).map(({ name }) => name),
    outageMbPerMinute: steepest(samples, away, back),
    judgedMbPerMinute: judged && steepest(samples, ...judged),
  };
}

/** What broke a promise, in words. Calls may fail while Redis is away; what was accepted may not be lost. */
export function brokenByOutage({ noticedMs, died, lost, twice, unseen, ...outcome }: OutageOutcome): string[] {
  return [
    ...(noticedMs === undefined || noticedMs > 5_000 ? [`health said so after ${noticedMs ?? "no"} ms`] : []),
    ...(Number.isFinite(outcome.healthyAgainMs) ? [] : ["health never said that Redis is back"]),
    ...((outcome.judgedMbPerMinute ?? 0) > mostMbPerMinute
      ? [`a process grew by ${outcome.judgedMbPerMinute} MB a minute`]
      : []),
    ...(Number.isFinite(outcome.worksAgainMs) ? [] : ["no job ended when Redis was back"]),
    ...died.map((name) => `${name} died`),
    ...lost.map((id) => `job ${id} has not ended`),
    ...twice.map((id) => `job ${id} was sent twice`),
    ...unseen.map((id) => `job ${id} succeeded, and no device received it`),
    ...outcome.watchProblems.map((problem) => `a watch was not continuous: ${problem}`),
  ];
}

/** Lets some time pass, and more. Gives the moments between which the latter passed. */
async function between(firstMs: number, thenMs: number): Promise<readonly [number, number]> {
  await pause(firstMs);
  const from = performance.now();
  await pause(thenMs);
  return [from, performance.now()];
}

async function statusOfRedis({ client }: Stand): Promise<HealthStatus | undefined> {
  const health = await client.health.check({ timeoutMs: 2_000 }).catch(() => undefined);
  return health?.components.find(({ name }) => name === "redis")?.status;
}

/** How long it took until something was so; undefined when it was not within `ms`. */
async function within(ms: number, isSo: () => Promise<boolean>): Promise<number | undefined> {
  const start = performance.now();
  while (performance.now() - start < ms) {
    if (await isSo().catch(() => false)) return Math.round(performance.now() - start);
    await pause(100);
  }
  return undefined;
}

interface Sample {
  readonly atMs: number;
  /** Megabytes of each process. */
  readonly rss: readonly (number | undefined)[];
}

function watchMemory(pids: () => readonly (number | undefined)[]): { stop(): readonly Sample[] } {
  const samples: Sample[] = [];
  const timer = setInterval(() => {
    samples.push({ atMs: performance.now(), rss: pids().map(rssOf) });
  }, sampleMs);
  return {
    stop() {
      clearInterval(timer);
      return samples;
    },
  };
}

function rssOf(pid: number | undefined): number | undefined {
  try {
    const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return kilobytes === undefined ? undefined : Number(kilobytes) / 1_024;
  } catch {
    return undefined;
  }
}

/** The steepest line through what the processes held between two moments, in megabytes a minute. */
function steepest(samples: readonly Sample[], fromMs: number, toMs: number): number {
  const some = samples.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs);
  const count = some[0]?.rss.length ?? 0;
  const slopes = Array.from({ length: count }, (_, n) => {
    const points = some.flatMap(({ atMs, rss }) => (rss[n] === undefined ? [] : [[atMs / 60_000, rss[n]] as const]));
    const mean = (axis: 0 | 1): number => points.reduce((sum, point) => sum + point[axis], 0) / points.length;
    const [x, y] = [mean(0), mean(1)];
    const across = points.reduce((sum, [at]) => sum + (at - x) ** 2, 0);
    return across === 0 ? 0 : points.reduce((sum, [at, mb]) => sum + (at - x) * (mb - y), 0) / across;
  });
  return Math.round(10 * Math.max(0, ...slopes)) / 10;
}
