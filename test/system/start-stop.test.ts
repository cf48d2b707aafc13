import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { assembleServer, assembleWorker, type Base, openBase } from "../../src/commands/assemble.js";
import { loadConfig } from "../../src/config.js";
import { type PrivateRedis, startPrivateRedis } from "../../src/dev/private-redis.js";
import { createSwitch, type Service } from "../../src/domain/service.js";
import { createMetricsListener } from "../../src/observe/metrics-listener.js";
import { createMetricsRegistry } from "../../src/observe/registry.js";
import { eventually } from "../support/eventually.js";

/** T32: what runs in a process begins and ends in any order, and leaves no handle, timer or key behind. */
let dir: string;
let redis: PrivateRedis;
let look: Redis;
let base: Base;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "pm-start-stop-"));
  redis = await startPrivateRedis({ dir: join(dir, "redis") });
  look = new Redis({ path: redis.socketPath });
  const settings = loadConfig(undefined, {
    POINTSMAN_REDIS_URL: redis.socketPath,
    POINTSMAN_SEALING_KEY: Buffer.alloc(32, 7).toString("base64"),
    POINTSMAN_JOURNAL_DIR: join(dir, "journal"),
    POINTSMAN_PORT: "0",
    POINTSMAN_DRAIN_SECONDS: "1",
  });
  base = await openBase(settings, pino({ level: "silent" }));
});
afterAll(async () => {
  await base.close();
  look.disconnect();
  await redis.stop();
  await rm(dir, { recursive: true, force: true });
});

const rounds = 50;
const atOnce = 10;

/** What of the process keeps it, or would still do something: sockets, servers, timers. */
function handles(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  const { TCPServerWrap = 0, TCPSocketWrap = 0, PipeWrap = 0, Timeout = 0 } = counts;
  return { TCPServerWrap, TCPSocketWrap, PipeWrap, Timeout };
}

/** Soon there is no more of anything than before; what was on its way out then may be gone. */
async function nothingMore(before: Record<string, number>): Promise<void> {
  await eventually(() => {
    for (const [kind, count] of Object.entries(handles())) {
      expect([kind, count]).toEqual([kind, Math.min(count, before[kind] ?? 0)]);
    }
  });
}

/** Starts and stops at the same time, in an order that differs by round. */
async function storm(service: Service, round: number): Promise<"start" | "stop"> {
  const calls = Array.from({ length: atOnce }, (_, turn) => ((round * 7 + turn * turn) % 3 === 0 ? "stop" : "start"));
  await Promise.all(calls.map((call) => service[call]()));
  return calls.at(-1)!;
}

test("something that is put up as a whole is up once, or not at all, as the last call says", async () => {
  let up = 0;
  let most = 0;
  const service = createSwitch(async () => {
    await new Promise(setImmediate);
    most = Math.max(most, ++up);
    return async () => {
      await new Promise(setImmediate);
      up--;
    };
  });
  for (let round = 0; round < rounds; round++) {
    const last = await storm(service, round);
    expect([round, up]).toEqual([round, last === "start" ? 1 : 0]);
  }
  await service.stop();
  expect([up, most]).toEqual([0, 1]);
});

test("a start that fails says so, leaves nothing up, and can be tried again", async () => {
  let fails = true;
  const service = createSwitch(() =>
    fails ? Promise.reject(new Error("the port is taken")) : Promise.resolve(() => Promise.resolve()),
  );
  await expect(service.start()).rejects.toThrow("taken");
  await service.stop();
  fails = false;
  await service.start();
  await service.stop();
});

test("the listener of metrics", async () => {
  const before = handles();
  const listener = createMetricsListener(createMetricsRegistry("0"), { host: "127.0.0.1", port: 0 });
  for (let round = 0; round < rounds; round++) {
    const last = await storm(listener, round);
    expect([round, listener.port > 0]).toEqual([round, last === "start"]);
  }
  await listener.stop();
  await nothingMore(before);
});

test("the server with all its loops", async () => {
  // Once, so that what a store opens when it is first followed is there before.
  const server = assembleServer(base);
  await server.start();
  await server.stop();
  const keys = (await look.keys("*")).sort();
  const before = handles();
  for (let round = 0; round < rounds; round++) {
    const last = await storm(server, round);
    if (round % 10 !== 0) continue;
    const { host, port } = server.address();
    const alive = await fetch(`http://${host}:${port}/livez`).then(
      ({ status }) => status === 200,
      () => false,
    );
    expect([round, alive]).toEqual([round, last === "start"]);
  }
  await server.stop();
  await server.stop();
  await nothingMore(before);
  expect((await look.keys("*")).sort()).toEqual(keys);
});

test("workers, each of which stays stopped once it was", async () => {
  const one = (): ReturnType<typeof assembleWorker> => {
    base.metrics.clear();
    return assembleWorker(base);
  };
  const first = one();
  await first.start();
  await first.stop();
  const before = handles();
  for (let round = 0; round < rounds; round++) {
    const worker = one();
    const calls = Array.from({ length: atOnce }, (_, turn) => ((round + turn) % 5 === 0 ? "stop" : "start"));
    await Promise.all(calls.map((call) => worker[call]()));
    await worker.stop();
    await worker.left;
    expect(worker.running).toBe(0);
  }
  await nothingMore(before);
  expect(await look.smembers("{pm:default}:alive")).toEqual([]);
  expect(await look.smembers("{pm:default}:idle")).toEqual([]);
  expect(await look.pubsub("CHANNELS")).toEqual([]);
  // What is left of a worker is its grave, which is shown for an hour.
  const left = (await look.keys("*")).filter((key) => /:(owned|warm|cancels|sessions|skills)/.test(key));
  expect(left).toEqual([]);
});
