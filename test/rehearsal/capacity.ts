import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Command } from "commander";
import { Redis } from "ioredis";
import { type Player, startStand } from "./stand.js";

// npm run capacity: the constants of docs/operations/capacity.md, as this machine has them.
interface Options {
  readonly devices: number;
  readonly queued: number;
  readonly jobs: number;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const { devices, queued, jobs } = new Command("capacity")
  .description("measures what a session, a queued job and a finished job cost")
  .option("--devices <n>", "simulated devices, each with one session", Number, 300)
  .option("--queued <n>", "jobs that wait", Number, 5_000)
  .option("--jobs <n>", "jobs that are run over warm sessions", Number, 3_000)
  .parse()
  .opts<Options>();

const clockTicks = 100;

/** Resident memory in kilobytes. */
function rssOf({ pid }: Player): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
}

/** Processor time in seconds, of all threads. */
function cpuOf({ pid }: Player): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / clockTicks;
}

const dir = await mkdtemp(join(tmpdir(), "pm-capacity-"));
const stand = await startStand({ dir, servers: 1, workers: 1, devices });
const redis = new Redis({ path: stand.redis.socketPath });
try {
  const { client } = stand;
  const [server] = stand.servers;
  const [worker] = stand.workers;
  const names = stand.devices.map(({ name }) => name);
  const info = async (section: string, field: string): Promise<number> =>
    Number(new RegExp(`${field}:([0-9.]+)`).exec(await redis.info(section))?.[1] ?? 0);
  const redisCpu = async (): Promise<number> =>
    (await info("cpu", "used_cpu_user")) + (await info("cpu", "used_cpu_sys"));
  const oneEach = (count: number): Promise<unknown> => {
    let next = 0;
    const lane = async (): Promise<void> => {
      for (let n = next++; n < count; n = next++) {
        await client.jobs.run({ device: names[n % names.length]!, commands: ["show clock"] });
      }
    };
    return Promise.all(Array.from({ length: 50 }, lane));
  };

  // Code is compiled and buffers are grown before anything is measured.
  await client.jobs.run({ device: names[0]!, commands: ["show clock"] });
  const before = rssOf(worker!);
  await oneEach(names.length);
  await pause(5_000);
  const perSession = (rssOf(worker!) - before) / (names.length - 1);

  await client.queues.pause("later", { reason: "measuring" });
  const empty = await info("memory", "used_memory");
  const waiting = Array.from({ length: queued }, (_, n) => ({
    ...{ device: names[n % names.length]!, commands: ["show clock"], queue: "later" },
  }));
  for (let from = 0; from < queued; from += 500) await client.jobs.createMany(waiting.slice(from, from + 500));
  const perQueued = ((await info("memory", "used_memory")) - empty) / queued;

  const full = await info("memory", "used_memory");
  const start = { redis: await redisCpu(), server: cpuOf(server!), worker: cpuOf(worker!), ms: performance.now() };
  await oneEach(jobs);
  const seconds = (performance.now() - start.ms) / 1_000;
  const spent = {
    redis: (await redisCpu()) - start.redis,
    server: cpuOf(server!) - start.server,
    worker: cpuOf(worker!) - start.worker,
  };
  const perKept = ((await info("memory", "used_memory")) - full) / jobs;
  const perCore = (cpu: number): number => Math.round(jobs / cpu);
  say(`a worker with one session: ${(before / 1_024).toFixed(0)} MiB`);
  say(`a job that has ended and is kept, with its result: ${perKept.toFixed(0)} bytes`);
  say(`a session held by a worker: ${perSession.toFixed(0)} KiB (with what its first job leaves)`);
  say(`a job that waits in Redis: ${perQueued.toFixed(0)} bytes`);
  say(
    `a job from create to result: ${((1e6 * spent.redis) / jobs).toFixed(0)} us of Redis' processor, everything included`,
  );
  say(`jobs a second and core: server ${perCore(spent.server)}, worker ${perCore(spent.worker)}`);
  say(`here, with the devices on the same machine: ${(jobs / seconds).toFixed(0)} jobs/s`);
} finally {
  redis.disconnect();
  await stand.close();
  await rm(dir, { recursive: true, force: true });
}
process.exit();
