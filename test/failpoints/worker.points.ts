import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Pointsman } from "@pointsman/sdk";
import { type Job, JobState, ResolutionKind } from "@pointsman/sdk/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type PrivateRedis, startPrivateRedis } from "../../src/dev/private-redis.js";
import { createSeededRandom } from "../../src/dev/simulator/seeded-random.js";
import { createSimulator, type Simulator } from "../../src/dev/simulator/simulator.js";
import { systemClock } from "../../src/system/clock.js";
import { fleetOf, lineOf, login } from "../chaos/fleet.js";
import { type OurProcess, startOurs } from "../support/system.js";
import { startTcpProxy } from "../support/tcp-proxy.js";
import { type Case, cases, deviceOf, strike } from "./cases.js";
import { type Standing, startStanding } from "./stand.js";

/** Workers that are being started at a time. */
const atOnce = 4;
/** A reaper waits 15 s, and what it frees is taken within five seconds more; the machine may be busy. */
const endedWithinMs = 300_000;

let dir: string;
let redis: PrivateRedis;
let simulator: Simulator;
let client: Pointsman;
const ours: OurProcess[] = [];
const workers: Standing[] = [];
const closes: (() => Promise<void>)[] = [];
const ends = new Map<Case, Job>();

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "pm-points-"));
  redis = await startPrivateRedis({ dir: join(dir, "redis") });
  const [model] = fleetOf(1);
  simulator = await createSimulator({
    clock: systemClock,
    devices: cases.map((one) => ({ ...model!, name: deviceOf(one), faults: {} })),
  });
  const env = {
    POINTSMAN_REDIS_URL: redis.socketPath,
    POINTSMAN_SEALING_KEY: Buffer.alloc(32, 7).toString("base64"),
    POINTSMAN_PORT: "0",
    POINTSMAN_DRAIN_SECONDS: "0",
  };
  const server = startOurs(["server"], env);
  ours.push(server);
  const { port } = await server.logged("server ready");
  client = new Pointsman({ baseUrl: `http://127.0.0.1:${String(port)}`, apiKey: "" });
  await client.credentials.create("points", login);

  const jobs = new Map<Case, string>();
  async function one(now: Case): Promise<void> {
    const zone = deviceOf(now);
    const { host, port: devicePort, hostKeyLine } = simulator.device(zone);
    const random = createSeededRandom(now.name);
    const device = await startTcpProxy({ host, port: devicePort }, random);
    const way = await startTcpProxy({ path: redis.socketPath }, random);
    closes.push(device.close, way.close);
    await client.devices.create({
      ...{ name: zone, zone, address: host, port: device.port, platform: "cisco_ios" },
      ...{ credential: "points", hostKeys: [hostKeyLine] },
    });
    const worker = startStanding("worker", now.point, {
      ...env,
      POINTSMAN_REDIS_URL: `redis://127.0.0.1:${way.port}`,
      POINTSMAN_ZONES: zone,
      POINTSMAN_JOURNAL_DIR: join(dir, zone),
    });
    workers.push(worker);
    jobs.set(now, await strike(now, { client, redis: way, device, worker }));
  }
  const waiting = [...cases];
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) await one(next);
    }),
  );
  // Everything stands, or is gone: now somebody else may have the work.
  const rescue = startOurs(["worker"], {
    ...env,
    POINTSMAN_ZONES: cases.map(deviceOf).join(","),
    POINTSMAN_JOURNAL_DIR: join(dir, "rescue"),
  });
  ours.push(rescue);
  await rescue.logged("worker ready");
  await Promise.all(
    [...jobs].map(async ([now, id]) => {
      await client.jobs.wait(id, { timeoutMs: endedWithinMs }).catch(() => undefined);
      ends.set(now, await client.jobs.get(id));
    }),
  );
}, 1_200_000);

afterAll(async () => {
  client.close();
  await Promise.all(workers.map((worker) => worker.end()));
  await Promise.all(ours.map((one) => one.stop()));
  await Promise.all(closes.map((close) => close()));
  await simulator.close();
  await redis.stop();
  await rm(dir, { recursive: true, force: true });
});

/** Steps of this case that its device received, in order. */
function received(now: Case): number[] {
  return simulator
    .device(deviceOf(now))
    .commands()
    .flatMap((line) => lineOf(line)?.step ?? [/^show job j\d+s(\d)$/.exec(line)?.[1]].filter(Boolean).map(Number));
}

const { SUCCEEDED, INDETERMINATE } = JobState;

/**
 * What a change comes to: nothing was sent before its intent, so it is made by somebody else; after it, it is in doubt
 * and nothing more is sent, except by a worker that still holds its lease while only its way to Redis is cut.
 */
function expectedOfChange({ point, action }: Case): readonly [JobState, readonly number[]] {
  const all = [1, 2, 3];
  switch (point) {
    case "claim-reply-lost":
    case "claimed":
    case "connecting":
    case "logged-in":
    case "end-told":
      return [SUCCEEDED, all];
    case "last-answered":
    case "done-journaled":
      return [INDETERMINATE, all];
    case "intent-stored":
    case "intent-journaled":
      return [INDETERMINATE, action === "Redis cut" ? all : []];
    case "line-half-written":
      // Stopped in the middle of a line, it ends that line when it wakes; a device takes half a line for none.
      return [INDETERMINATE, action === "Redis cut" ? all : action === "kill -9" ? [1] : [1, 2]];
    case "line-sent":
    case "mid-output":
    case "between-lines":
      return [INDETERMINATE, action === "Redis cut" ? all : [1, 2]];
  }
}

describe("a change whose worker is struck at a point", () => {
  test.each(cases.filter(({ kind }) => kind === "configure"))("$action at $point", async (now) => {
    const job = ends.get(now)!;
    const [state, steps] = expectedOfChange(now);
    expect({ state: job.state, steps: received(now) }).toEqual({ state, steps });
    // Only a worker that saw every answer, and wrote that down, can take the doubt away later.
    const { resolution } = await client.jobs.get(job.id);
    if (resolution) {
      expect(steps).toEqual([1, 2, 3]);
      expect(resolution.kind).toBe(ResolutionKind.APPLIED);
    }
    const { status } = await client.devices.get(deviceOf(now));
    expect(status?.hold?.job).toBe(state === INDETERMINATE && !resolution ? job.id : undefined);
  });
});

describe("a read whose worker is struck at a point", () => {
  test.each(cases.filter(({ kind }) => kind === "read"))("$action at $point", (now) => {
    const job = ends.get(now)!;
    expect(job.state).toBe(SUCCEEDED);
    const steps = received(now);
    // A worker that was stopped in the middle of a line ends that line when it wakes, whatever came between.
    expect(steps.join("")).toMatch(/1.*2.*3/);
    expect(steps.length).toBeLessThanOrEqual(3 * job.attempts.length);
  });
});

test("no log of it holds a secret", () => {
  const lines = [...ours, ...workers].flatMap(({ log }) => log).join("\n");
  expect(lines).not.toContain(login.password);
});
