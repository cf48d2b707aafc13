import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";

/**
 * A Redis of the bench's own: private, on a unix socket, gone with this process. `fsync` is `always`, `everysec`, or
 * `no` for no append-only file at all.
 */
export async function startServer(dist, fsync, pin) {
  const { startPrivateRedis } = await dist("dev/private-redis.js");
  const dir = await mkdtemp(join(tmpdir(), "pm-bench-"));
  const appendOnly = fsync !== "no";
  const server = await startPrivateRedis({
    dir,
    appendOnly,
    // A server refuses one without a bound; this is more than any scenario fills.
    maxMemory: "8gb",
    extraArgs: appendOnly ? ["--appendfsync", fsync, "--auto-aof-rewrite-percentage", "0"] : [],
  });
  if (pin) spawnSync("taskset", ["-acp", "0", String(server.pid)], { stdio: "ignore" });
  const redis = new Redis({ path: server.socketPath });
  return {
    path: server.socketPath,
    redis,
    fsync,
    async fresh() {
      await redis.flushall("SYNC");
      await redis.script("FLUSH", "SYNC");
      await redis.config("RESETSTAT");
    },
    async version() {
      return /redis_version:(\S+)/.exec(await redis.info("server"))[1];
    },
    async memory() {
      return Number(/used_memory:(\d+)/.exec(await redis.info("memory"))[1]);
    },
    snapshot: () => snapshot(redis),
    async close() {
      redis.disconnect();
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** What scripts and commands have cost Redis so far. */
async function snapshot(redis) {
  const [stats, cpu] = await Promise.all([redis.info("commandstats"), redis.info("cpu")]);
  const commands = new Map();
  for (const [, name, calls, usec] of stats.matchAll(/^cmdstat_([^:]+):calls=(\d+),usec=(\d+)/gm)) {
    commands.set(name, { calls: Number(calls), usec: Number(usec) });
  }
  const cpuOf = (kind) => Number(new RegExp(`used_cpu_${kind}_main_thread:([\\d.]+)`).exec(cpu)[1]) * 1e6;
  return { commands, cpu: cpuOf("user") + cpuOf("sys") };
}

/** Commands that reach Redis by themselves, not out of a script; a script's own time holds that of what it calls. */
const direct = new Set(["evalsha", "eval", "bzpopmin"]);

/** Cost per job between two snapshots: µs in scripts, µs of Redis' main thread in all, commands inside and scripts. */
export function costPerJob(before, after, jobs) {
  let script = 0;
  let calls = 0;
  let nested = 0;
  for (const [name, { calls: now, usec }] of after.commands) {
    const earlier = before.commands.get(name) ?? { calls: 0, usec: 0 };
    if (direct.has(name)) {
      script += usec - earlier.usec;
      calls += now - earlier.calls;
    } else if (name !== "info") {
      nested += now - earlier.calls;
    }
  }
  return {
    scriptMicros: script / jobs,
    cpuMicros: (after.cpu - before.cpu) / jobs,
    scripts: calls / jobs,
    commands: nested / jobs,
  };
}
