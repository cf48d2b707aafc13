import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Pointsman } from "@pointsman/sdk";
import { JobState } from "@pointsman/sdk/v1";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test, type TestContext } from "vitest";
import { type PrivateRedis, startPrivateRedis } from "../../src/dev/private-redis.js";
import { createSeededRandom } from "../../src/dev/simulator/seeded-random.js";
import { createSimulator, type Simulator } from "../../src/dev/simulator/simulator.js";
import { systemClock } from "../../src/system/clock.js";
import { configurationOf, fleetOf, lineOf, login, readOf } from "../chaos/fleet.js";
import { eventually } from "../support/eventually.js";
import { type OurProcess, startOurs } from "../support/system.js";
import { startTcpProxy } from "../support/tcp-proxy.js";
import { createKeySpace, keyOf } from "../../src/store/keys.js";
import { act, actions, type Action } from "./cases.js";
import { serverPoints, type ServerPoint } from "./server-points.js";
import { startStanding, type Standing } from "./stand.js";

/** Nothing of a server's has a lease: how long it is away does not matter. */
const awayMs = 3_000;
/** A reaper waits 15 s, and what it frees is taken within five seconds more; the machine may be busy. */
const endedWithinMs = 300_000;

let dir: string;
let redis: PrivateRedis;
let simulator: Simulator;
let grounds = 0;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "pm-points-"));
  redis = await startPrivateRedis({ dir: join(dir, "redis") });
  const [model] = fleetOf(1);
  const count = 2 * serverPoints.length * actions.length;
  const faults = { hang: { matching: /s2\b/, times: 1 } };
  simulator = await createSimulator({
    clock: systemClock,
    devices: Array.from({ length: count }, (_, n) => ({ ...model!, name: `d${n}`, faults: n % 2 ? faults : {} })),
  });
});
afterAll(async () => {
  await simulator.close();
  await redis.stop();
  await rm(dir, { recursive: true, force: true });
});

/** An installation of its own beside the others, for one test: a server with a point, and what is started when it stands. */
async function ground(point: ServerPoint, { onTestFinished }: TestContext) {
  const number = grounds++;
  const closes: (() => Promise<unknown>)[] = [];
  // What stayed until the last test would leave no time for it: each process asks Redis for work.
  onTestFinished(async () => {
    for (let close = closes.pop(); close; close = closes.pop()) await close();
  });
  const env = {
    POINTSMAN_REDIS_URL: redis.socketPath,
    POINTSMAN_REDIS_PREFIX: `p${number}`,
    POINTSMAN_SEALING_KEY: Buffer.alloc(32, 7).toString("base64"),
    POINTSMAN_PORT: "0",
    POINTSMAN_DRAIN_SECONDS: "0",
    POINTSMAN_JOURNAL_DIR: join(dir, `journal-${number}`),
  };
  const way = await startTcpProxy({ path: redis.socketPath }, createSeededRandom(number));
  const struck = startStanding("server", point, { ...env, POINTSMAN_REDIS_URL: `redis://127.0.0.1:${way.port}` });
  closes.push(way.close, struck.end);
  const clientOf = ({ port }: Record<string, unknown>): Pointsman => {
    const client = new Pointsman({ baseUrl: `http://127.0.0.1:${String(port)}`, apiKey: "" });
    closes.push(async () => client.close());
    return client;
  };
  const first = clientOf(await struck.ready());
  await first.credentials.create("points", login);
  const devices = [`d${2 * number}`, `d${2 * number + 1}`] as const;
  for (const name of devices) {
    const { host: address, port, hostKeyLine } = simulator.device(name);
    const device = { name, address, port, platform: "cisco_ios", credential: "points", hostKeys: [hostKeyLine] };
    await first.devices.create(device);
  }
  const start = async (role: "server" | "worker"): Promise<{ process: OurProcess; ready: Record<string, unknown> }> => {
    const process = startOurs([role], env);
    closes.push(() => process.stop());
    return { process, ready: await process.logged(`${role} ready`) };
  };
  /** Redis has another history, and has forgotten that this change had passed its point of no return. */
  const forget = async (job: string): Promise<void> => {
    const direct = new Redis({ path: redis.socketPath });
    const root = createKeySpace(env.POINTSMAN_REDIS_PREFIX).zone("default");
    expect(await direct.hdel(keyOf(root, "job", job), "it")).toBe(1);
    await direct.hset(keyOf(root, "gate"), "id", "another history");
    direct.disconnect();
  };
  return {
    ...{ way, struck, first, devices, start, forget },
    other: async () => clientOf((await start("server")).ready),
  };
}

const change = (key: string) => ({ configure: { lines: configurationOf(key), acceptUnproven: true } });
const read = (key: string) => ({ commands: [1, 2, 3].map((step) => readOf(`${key}s${step}`)) });
const steps = (device: string): number[] =>
  simulator
    .device(device)
    .commands()
    .flatMap((line) => lineOf(line)?.step ?? []);
const each = actions.map((action) => ({ action }));

async function strike(action: Action, { way, struck }: { way: Parameters<typeof act>[1]; struck: Standing }) {
  await struck.standing();
  await act(action, way, struck, awayMs);
}

describe.concurrent("a server is struck", () => {
  for (const point of ["before-create", "created"] as const) {
    test.for(each)(
      `at ${point} by $action: the repeated create is one job`,
      { timeout: 900_000 },
      async ({ action }, context) => {
        const at = await ground(point, context);
        const [device] = at.devices;
        const requestId = randomUUID();
        const work = { device, ...change("j1") };
        const lost = at.first.jobs.create(work, { requestId, timeoutMs: 120_000 }).catch(() => undefined);
        await strike(action, at);
        const other = await at.other();
        const job = await other.jobs.create(work, { requestId });
        await at.start("worker");
        const done = await other.jobs.wait(job.id, { timeoutMs: endedWithinMs });
        const again = await lost;
        expect(again?.id ?? job.id).toBe(job.id);
        expect(done.state).toBe(JobState.SUCCEEDED);
        expect(steps(device)).toEqual([1, 2, 3]);
        expect(await other.jobs.count({ devices: [device] })).toMatchObject({ total: 1 });
      },
    );
  }

  test.for(each)(
    "when it has started what was due, by $action: it runs, once",
    { timeout: 900_000 },
    async ({ action }, context) => {
      const at = await ground("started-due", context);
      const [device] = at.devices;
      const startTime = new Date(Date.now() + 8_000);
      const [changed, looked] = await Promise.all([
        at.first.jobs.create({ device, ...change("j2"), startTime }),
        at.first.jobs.create({ device, ...read("j3"), startTime }),
      ]);
      await strike(action, at);
      const other = await at.other();
      await at.start("worker");
      const ends = await Promise.all(
        [changed, looked].map(({ id }) => other.jobs.wait(id, { timeoutMs: endedWithinMs })),
      );
      expect(ends.map(({ state }) => state)).toEqual([JobState.SUCCEEDED, JobState.SUCCEEDED]);
      expect(steps(device)).toEqual([1, 2, 3]);
    },
  );

  test.for(each)(
    "when it has buried a worker, by $action: the read is made elsewhere, the change is in doubt",
    { timeout: 900_000 },
    async ({ action }, context) => {
      const at = await ground("buried", context);
      const [calm, hung] = at.devices;
      const { process: dying } = await at.start("worker");
      const [changed, looked] = await Promise.all([
        at.first.jobs.create({ device: hung, ...change("j4") }),
        at.first.jobs.create({ device: calm, commands: ["show job j5s2"] }),
      ]);
      await simulator.find(({ device, line }) => device === hung && lineOf(line)?.step === 2);
      await dying.kill();
      await strike(action, at);
      const other = await at.other();
      await at.start("worker");
      const doubt = await other.jobs.wait(changed.id, { timeoutMs: endedWithinMs });
      expect(doubt.state).toBe(JobState.INDETERMINATE);
      expect((await other.devices.get(hung)).status?.hold?.job).toBe(changed.id);
      expect((await other.jobs.wait(looked.id, { timeoutMs: endedWithinMs })).state).toBe(JobState.SUCCEEDED);
      expect(steps(hung)).toEqual([1, 2]);
    },
  );

  for (const point of ["reconciling", "opened"] as const) {
    test.for(each)(
      `at ${point} after Redis lost data, by $action: another brings it to its end, and nothing is sent twice`,
      { timeout: 900_000 },
      async ({ action }, context) => {
        const at = await ground(point, context);
        const [calm, hung] = at.devices;
        const { process: dying } = await at.start("worker");
        const changed = await at.first.jobs.create({ device: hung, ...change("j6") });
        await simulator.find(({ device, line }) => device === hung && lineOf(line)?.step === 2);
        await dying.kill();
        await at.forget(changed.id);
        // It opens when a worker has told the journals.
        if (point === "opened") await at.start("worker");
        await strike(action, at);
        const other = await at.other();
        if (point === "reconciling") await at.start("worker");
        const doubt = await other.jobs.wait(changed.id, { timeoutMs: endedWithinMs });
        expect(doubt.state).toBe(JobState.INDETERMINATE);
        expect((await other.devices.get(hung)).status?.hold?.job).toBe(changed.id);
        const work = { device: calm, ...change("j7") };
        const next = await eventually(() => other.jobs.create(work, { requestId: "next" }), 180_000);
        expect((await other.jobs.wait(next.id, { timeoutMs: endedWithinMs })).state).toBe(JobState.SUCCEEDED);
        expect([steps(hung), steps(calm)]).toEqual([
          [1, 2],
          [1, 2, 3],
        ]);
      },
    );
  }
});
