import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { HealthStatus, JobState } from "@pointsman/sdk/v1";
import { afterEach, describe, expect, test } from "vitest";
import { type PrivateRedis, startPrivateRedis } from "../../src/dev/private-redis.js";
import { eventually } from "../support/eventually.js";
import { device, type OurProcess, startOurs, startSystem } from "../support/system.js";

const afterTest: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of afterTest.splice(0).reverse()) await end();
});

async function redisWith(...extraArgs: string[]): Promise<PrivateRedis> {
  const dir = await mkdtemp(join(tmpdir(), "pm-unfit-"));
  afterTest.push(() => rm(dir, { recursive: true, force: true }));
  const redis = await startPrivateRedis({ dir, extraArgs });
  afterTest.push(() => redis.stop());
  return redis;
}

function start(args: readonly string[], url: string, env: Readonly<Record<string, string>> = {}): OurProcess {
  const key = Buffer.alloc(32, 7).toString("base64");
  const process = startOurs(args, {
    ...{ POINTSMAN_REDIS_URL: url, POINTSMAN_SEALING_KEY: key, POINTSMAN_PORT: "0", POINTSMAN_DRAIN_SECONDS: "1" },
    ...env,
  });
  afterTest.push(() => process.stop());
  return process;
}

/** What a process that ends says, and its status. */
async function said(ours: OurProcess): Promise<{ readonly status: number | null; readonly lines: readonly string[] }> {
  const { child } = ours;
  const status = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { status, lines: ours.log };
}

describe("a Redis that is set so that it could drop or forget work", () => {
  test("neither a server nor a worker starts on it; all that is wrong is said at once, with what to do", async () => {
    const redis = await redisWith(
      ...["--maxmemory", "0", "--maxmemory-policy", "allkeys-lru", "--appendfsync", "everysec"],
    );
    for (const command of ["server", "worker"]) {
      const { status, lines } = await said(start([command], redis.socketPath));
      expect(status).toBe(1);
      expect(lines).toEqual([
        expect.stringMatching(/^error: Redis is not fit: maxmemory is 0, .*; set it /),
        expect.stringMatching(/^error: Redis is not fit: maxmemory-policy is allkeys-lru, .*; set it to noeviction$/),
        expect.stringMatching(/^error: Redis is not fit: appendfsync is everysec, .*redis\.allow_relaxed_durability$/),
      ]);
    }
    // Losing the last second can be accepted, losing jobs at will cannot.
    const allowed = { POINTSMAN_ALLOW_RELAXED_DURABILITY: "true" };
    const { status, lines } = await said(start(["server"], redis.socketPath, allowed));
    expect([status, lines.length]).toEqual([1, 2]);
  });

  test.each([
    ["no log at all", ["--appendonly", "no"], "appendonly is no"],
    ["a log that is synced each second", ["--appendfsync", "everysec"], "appendfsync is everysec"],
    ["settings that nobody may read", ["--rename-command", "CONFIG", ""], "does not let us read appendfsync"],
  ])("%s: it can be allowed, and health says that it was", async (_, args, problem) => {
    const redis = await redisWith(...args);
    const { status, lines } = await said(start(["config", "check", "--redis"], redis.socketPath));
    expect([status, lines]).toEqual([1, [expect.stringContaining(problem)]]);

    const allowed = { POINTSMAN_ALLOW_RELAXED_DURABILITY: "true" };
    const check = await said(start(["config", "check", "--redis"], redis.socketPath, allowed));
    expect(check.status).toBe(0);
    expect(check.lines[0]).toMatch(/^Allowed by redis\.allow_relaxed_durability: /);
    const server = start(["server"], redis.socketPath, allowed);
    const { port } = await server.logged("server ready");
    const health = start(["health", "--json"], redis.socketPath, {
      POINTSMAN_URL: `http://127.0.0.1:${String(port)}`,
    });
    const { lines: shown } = await said(health);
    expect(shown.join("\n")).toContain(problem);
    expect(shown.join("\n")).toMatch(/relaxed_durability"?: "?1/);
  });

  test("a user that may not run what scripts run is refused: they would stop in the middle of a step", async () => {
    const redis = await redisWith();
    const operator = new Redis({ path: redis.socketPath });
    afterTest.push(async () => operator.disconnect());
    const rights = ["~*", "resetchannels", "+@all", "-setrange"];
    await operator.call("ACL", "SETUSER", "limited", "on", ">secret", ...rights);
    const url = `unix://limited:secret@${redis.socketPath}`;
    const { status, lines } = await said(start(["server"], url));
    expect(status).toBe(1);
    expect(lines).toEqual([
      expect.stringMatching(/^error: Redis is not fit: its user may not run PUBLISH, SETRANGE on .*users\.acl$/),
    ]);

    await operator.call("ACL", "SETUSER", "limited", "allchannels", "+setrange");
    expect((await said(start(["config", "check", "--redis"], url))).status).toBe(0);
  });

  test("a user without CONFIG GET is told what to allow", async () => {
    const redis = await redisWith();
    const operator = new Redis({ path: redis.socketPath });
    afterTest.push(async () => operator.disconnect());
    await operator.call("ACL", "SETUSER", "limited", "on", ">secret", "~*", "&*", "+@all", "-config");
    const { status, lines } = await said(start(["server"], `unix://limited:secret@${redis.socketPath}`));
    expect(status).toBe(1);
    expect(lines).toEqual([expect.stringContaining("allow the user +config|get")]);
  });
});

test("a Redis that is set otherwise while all runs: changes wait or are refused, reads go on, and all comes back", async () => {
  const clear = { command: /^clear counters/, output: "cleared\n" };
  const at = await startSystem({ devices: [device("r1", { commands: [clear] }), device("r2", { commands: [clear] })] });
  afterTest.push(() => at.close());
  const { client } = at;
  const operator = new Redis({ path: at.redis.socketPath });
  afterTest.push(async () => operator.disconnect());
  // Accepted while all is well, and due only when it is not.
  const later = await client.jobs.create({
    device: "r1",
    commands: ["clear counters 1"],
    startTime: new Date(Date.now() + 15_000),
  });
  await operator.config("SET", "appendfsync", "everysec");
  await eventually(async () => {
    const { components } = await client.health.check();
    const { status, message } = components.find(({ name }) => name === "redis")!;
    expect([status, message]).toEqual([HealthStatus.DEGRADED, expect.stringContaining("appendfsync is everysec")]);
  }, 60_000);
  const refused = client.jobs.create({ device: "r2", commands: ["clear counters 2"] });
  await expect(refused).rejects.toMatchObject({ reason: "STORE_UNFIT", message: expect.stringContaining("always") });
  const read = await client.jobs.run({ device: "r2", commands: ["show clock"] });
  expect(read.state).toBe(JobState.SUCCEEDED);
  // It is taken up, and nothing is sent: it goes back.
  await eventually(async () => {
    const job = await client.jobs.get(later.id);
    expect(job.attempts.some(({ error }) => error?.reason === "STORE_UNFIT")).toBe(true);
  }, 120_000);
  expect(at.simulator.journal().filter(({ line }) => line.startsWith("clear counters"))).toEqual([]);

  await operator.config("SET", "appendfsync", "always");
  const ended = await client.jobs.wait(later.id, { timeoutMs: 120_000 });
  expect(ended.state).toBe(JobState.SUCCEEDED);
  await eventually(() => client.jobs.create({ device: "r2", commands: ["clear counters 2"] }), 60_000);
});
