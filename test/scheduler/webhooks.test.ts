import { create } from "@bufbuild/protobuf";
import { verifyWebhook, type WebhookEvent } from "@pointsman/sdk";
import { RunSpecSchema } from "@pointsman/sdk/v1";
import { toBinary } from "@bufbuild/protobuf";
import pino from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createDescribeEvents } from "../../src/api/webhooks/webhook-payload.js";
import { createRunId } from "../../src/domain/job-id.js";
import type { Service } from "../../src/domain/service.js";
import type { HookFilter } from "../../src/domain/webhook.js";
import { createAddressRule } from "../../src/outbound/address-rule.js";
import { createOutbound } from "../../src/outbound/outbound.js";
import { createWebhookDeliveries } from "../../src/scheduler/webhook-deliveries.js";
import { createWebhookEvents } from "../../src/scheduler/webhook-events.js";
import { createSealer } from "../../src/secrets/sealer.js";
import { webhookPlace } from "../../src/secrets/webhook-place.js";
import { systemClock } from "../../src/system/clock.js";
import { systemRandom } from "../../src/system/random.js";
import { eventually } from "../support/eventually.js";
import { type HookEndpoint, startHookEndpoint } from "../support/hook-endpoint.js";
import { claimOne, newJob, succeed, worker } from "../support/jobs.js";
import { openTestStore, type TestStore } from "../support/store.js";

const logger = pino({ level: "silent" });
const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const sealer = createSealer({ key: new Uint8Array(32), random: systemRandom });
const w1 = worker("w1");
const everything: HookFilter = { events: [], queues: [], labels: {}, devices: [], zones: [] };

let at: TestStore;
let servers: Service[] = [];
let endpoint: HookEndpoint;

beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());
beforeEach(async () => {
  await at.empty();
  await at.store.ensureZone("default");
  endpoint = await startHookEndpoint();
});
afterEach(async () => {
  await stopServers();
  await endpoint.stop();
});

async function stopServers(): Promise<void> {
  await Promise.all(servers.map((server) => server.stop()));
  servers = [];
}

/** What servers do about webhooks. Time is the store's: it moves by the test's hand. An answer is waited for `patience` times as long as it would be. */
async function startServers(
  count = 2,
  { allowAddresses = ["127.0.0.1"], patience = 1 }: { allowAddresses?: readonly string[]; patience?: number } = {},
): Promise<void> {
  const { store } = at;
  const clock = { ...systemClock, now: () => at.time.now };
  const parts = { store, clock, random: systemRandom, logger, sealer, describe: createDescribeEvents(store) };
  const outbound = createOutbound({
    clock: { ...systemClock, timer: (ms, run) => systemClock.timer(patience * ms, run) },
    rule: createAddressRule({ allowAddresses, allowHosts: [] }),
    resolve: async (host) => (host === "rebound.example" ? [{ address: "127.0.0.1", family: 4 }] : []),
  });
  for (let i = 0; i < count; i++) {
    servers.push(createWebhookEvents(parts), createWebhookDeliveries({ ...parts, outbound }));
  }
  for (const server of servers) await server.start();
}

const hook = (name: string, url = endpoint.url, filter: Partial<HookFilter> = {}) =>
  at.store.webhooks.create({
    ...{ name, uid: `uid-${name}`, url, retryForMs: 3 * 86_400_000, creator: "ann" },
    ...{ filter: { ...everything, ...filter }, sealed: sealer.seal(Buffer.from(secret), webhookPlace(`uid-${name}`)) },
  });

async function endOne(part: Parameters<typeof newJob>[1] = {}): Promise<string> {
  await at.store.leases.register(w1);
  const { job } = await at.store.jobs.create(newJob(at.time.now, part));
  await succeed(at.store, (await claimOne(at.store, w1))!);
  return job.id;
}

/** What the endpoint got, each with a signature that fits. */
function got(from = endpoint): WebhookEvent[] {
  return from.received.map(({ body, headers }) => verifyWebhook(body, headers, { secret, now: at.time.now }));
}

const standing = async (uid = "uid-a") => (await at.store.webhooks.status([uid]))[0]!;

describe("an endpoint", () => {
  test("is told once of what ended, with a valid signature, though three servers look", async () => {
    await startServers(3);
    await hook("a");
    const ids = [await endOne({ labels: { site: "fra" } }), await endOne(), await endOne()];
    await eventually(async () => expect(await standing()).toMatchObject({ delivered: 3, pending: 0 }));
    const events = got();
    expect(events.map(({ data }) => (data["job"] as { id: string }).id).sort()).toEqual([...ids].sort());
    expect(new Set(events.map(({ id }) => id)).size).toBe(3);
    const first = events.find(({ data }) => (data["job"] as { id: string }).id === ids[0]);
    expect(first).toMatchObject({
      type: "job.succeeded",
      time: new Date(at.time.now),
      data: {
        job: {
          state: "JOB_STATE_SUCCEEDED",
          effect: "EFFECT_COMPLETE",
          device: "r1",
          labels: { site: "fra" },
          zone: "default",
        },
      },
    });
    // Neither what was done nor what came out of it.
    expect(Object.keys(first!.data["job"] as object).filter((key) => /spec|result/.test(key))).toEqual([]);
    expect(endpoint.received[0]!.headers["idempotency-key"]).toBe(endpoint.received[0]!.headers["webhook-id"]);
    // The second time that events are brought makes nothing new.
    at.time.now += 31_000;
    await eventually(async () => expect(await at.redis.exists("{pm:default}:hook-told")).toBe(0));
    expect(endpoint.received).toHaveLength(3);
  });

  test("that is paused is told when it is resumed, and a new secret signs beside the old one while that is kept", async () => {
    const next = "the-secret-that-comes-next";
    await startServers();
    await hook("a");
    const { webhooks } = at.store;
    await webhooks.update("a", () => ({ paused: true }));
    await endOne();
    await eventually(async () => expect((await standing()).pending).toBe(1));
    await webhooks.update("a", ({ uid, sealed }) => ({
      ...{ paused: false, sealed: sealer.seal(Buffer.from(next), webhookPlace(uid)) },
      previous: { sealed, untilMs: at.time.now + 60_000 },
    }));
    await eventually(async () => expect(await standing()).toMatchObject({ delivered: 1, pending: 0 }));
    // Nothing was tried before.
    expect((await webhooks.deliveries("a", { states: [], limit: 1 })).deliveries[0]?.attempt).toBe(1);
    at.time.now += 60_000;
    await endOne();
    await eventually(async () => expect((await standing()).delivered).toBe(2));
    const [both, alone] = endpoint.received;
    const read = ({ body, headers }: typeof both & object, one: string, now: number) =>
      verifyWebhook(body, headers, { secret: one, now });
    for (const one of [secret, next]) expect(read(both!, one, at.time.now).type).toBe("job.succeeded");
    expect(read(alone!, next, at.time.now).type).toBe("job.succeeded");
    expect(() => read(alone!, secret, at.time.now)).toThrow("does not fit");
  });

  test("that is down for ten minutes gets its webhooks after that, once per id, with a valid signature", async () => {
    await endpoint.stop();
    await hook("a");
    await startServers(2);
    const ids: string[] = [];
    const endMs = at.time.now + 600_000;
    while (at.time.now < endMs) {
      ids.push(await endOne());
      at.time.now += 30_000;
      await eventually(async () => expect((await standing()).pending).toBe(ids.length));
    }
    await eventually(async () => {
      const { deliveries } = await at.store.webhooks.deliveries("a", { states: ["PENDING"], limit: 100 });
      expect(deliveries.some(({ attempt }) => attempt > 0)).toBe(true);
    });
    // No attempt is under way while time leaps: it would be taken for abandoned, and one that had arrived would be made again.
    await stopServers();
    await endpoint.start();
    at.time.now += 24 * 3_600_000;
    // All is due now.
    await startServers(2);
    await eventually(async () => {
      expect(await standing()).toMatchObject({ pending: 0, delivered: ids.length, dead: 0 });
    });
    expect(
      got()
        .map(({ data }) => (data["job"] as { id: string }).id)
        .sort(),
    ).toEqual([...ids].sort());
    expect(new Set(got().map(({ id }) => id)).size).toBe(ids.length);
  });

  test("that wants order hears of one after another from two servers, also behind one that it refused", async () => {
    let open = 0;
    let most = 0;
    let refusals = 3;
    endpoint.answer = (_request, response) => {
      most = Math.max(most, ++open);
      response.once("close", () => open--);
      response.writeHead(refusals-- > 0 ? 500 : 204).end();
    };
    await hook("a");
    await at.store.webhooks.update("a", () => ({ ordered: true }));
    await startServers(2);
    const ids: string[] = [];
    for (let i = 0; i < 12; i++) {
      ids.push(await endOne());
      at.time.now += 1;
    }
    for (const failures of [1, 2, 3]) {
      await eventually(async () => expect(await standing()).toMatchObject({ failures, pending: 12 }));
      at.time.now += 60_000;
    }
    await eventually(async () => expect(await standing()).toMatchObject({ delivered: 12, pending: 0 }));
    const told = got().map(({ data }) => (data["job"] as { id: string }).id);
    expect(told).toEqual([ids[0], ids[0], ids[0], ...ids]);
    expect(most).toBe(1);
  });

  test("that answers nothing at all takes no time from another", async () => {
    endpoint.answer = () => undefined;
    const quick = await startHookEndpoint();
    try {
      await hook("a");
      await hook("b", quick.url);
      await startServers(1, { patience: 100 });
      const ids: string[] = [];
      for (let i = 0; i < 20; i++) ids.push(await endOne());
      await eventually(async () => expect(await standing("uid-b")).toMatchObject({ delivered: 20 }));
      expect(endpoint.received.length).toBeLessThanOrEqual(8);
      expect(await standing()).toMatchObject({ pending: 20, delivered: 0 });
    } finally {
      await endpoint.stop();
      await quick.stop();
    }
  });

  test("is told of what its filter asks for alone", async () => {
    await hook("a", endpoint.url, { events: ["job.succeeded"], queues: ["night"], labels: { site: "fra" } });
    await startServers(1);
    await endOne({ labels: { site: "fra" } });
    await endOne({ queue: "night", labels: { site: "ber" } });
    const id = await endOne({ queue: "night", labels: { site: "fra", rack: "7" } });
    await eventually(() => expect(endpoint.received).toHaveLength(1));
    expect(got()[0]!.data).toMatchObject({ job: { id, queue: "night", labels: { site: "fra", rack: "7" } } });
  });

  test("is told that a run ended", async () => {
    await hook("a", endpoint.url, { events: ["run.succeeded"] });
    await startServers(1);
    const { runs } = at.store;
    const id = createRunId(at.time.now, systemRandom);
    const rollout = {
      ...{ canary: 0, batchSize: 0, maxParallel: 0, laneLimits: [], grouped: false, pauseMs: 0 },
      ...{ holdAfterCanary: false, maxFailures: 0, maxFailurePercent: 0, minSuccessPercent: 0, pauseOnFailure: false },
    };
    const spec = toBinary(RunSpecSchema, create(RunSpecSchema, { devices: ["r1"], labels: { change: "42" } }));
    const targets = [{ name: "r1", zone: "default" }];
    const { run } = await runs.create({ id, creator: "ann", spec, rollout, labels: { change: "42" }, targets });
    await runs.end(id, [{ index: 0, state: "SUCCEEDED" }]);
    await runs.change(id, await runs.revision(id), { state: "SUCCEEDED" });
    await eventually(() => expect(endpoint.received).toHaveLength(1));
    expect(got()[0]).toMatchObject({
      type: "run.succeeded",
      data: { run: { id: run.id, state: "RUN_STATE_SUCCEEDED", labels: { change: "42" }, counts: { succeeded: 1 } } },
    });
  });

  test("is told that a device is held, and by its name", async () => {
    const secrets = { hasPassword: false, hasPrivateKey: false, hasEnableSecret: false, sealed: new Uint8Array() };
    await at.store.credentials.create({ name: "lab", username: "ann", ...secrets });
    const device = { name: "r1", address: "10.0.0.1", port: 22, platform: "cisco_ios", credential: "lab" };
    await at.store.devices.create({ ...device, zone: "default", endpoint: "10.0.0.1:22", labels: { site: "fra" } });
    await hook("a", endpoint.url, { events: ["device.held", "device.released"], labels: { site: "fra" } });
    await startServers(1);
    await at.store.leases.register(w1);
    const { job } = await at.store.jobs.create(newJob(at.time.now, { effectClass: "AT_MOST_ONCE" }));
    const holder = (await claimOne(at.store, w1))!;
    await at.store.leases.intent(holder, 1);
    const end = { intendedStep: 1, confirmedStep: 0, keepDevice: false } as const;
    await at.store.leases.finish(holder, { verdict: "INDETERMINATE", ...end });
    await eventually(() => expect(endpoint.received).toHaveLength(1));
    expect(got()[0]).toMatchObject({
      type: "device.held",
      data: { device: { name: "r1", endpoint: "10.0.0.1:22", zone: "default", hold: { job: job.id } } },
    });
  });

  test("that says 410 is not asked again, and one that fails is, until it answers well", async () => {
    const answers = [500, 302, 204];
    endpoint.answer = (_request, response) => void response.writeHead(answers.shift() ?? 410, { location: "/x" }).end();
    await hook("a");
    await startServers(1);
    await endOne();
    for (const failures of [1, 2]) {
      await eventually(async () => expect(await standing()).toMatchObject({ failures, pending: 1 }));
      // Due again, and no signature too old to be verified.
      at.time.now += 60_000;
    }
    await eventually(async () => expect(await standing()).toMatchObject({ delivered: 1 }));
    expect(new Set(got().map(({ id }) => id)).size).toBe(1);
    expect(got()).toHaveLength(3);
    await endOne();
    await eventually(async () => expect(await standing()).toMatchObject({ delivered: 1, dead: 1 }));
    const { deliveries } = await at.store.webhooks.deliveries("a", { states: ["DEAD"], limit: 10 });
    expect(deliveries).toMatchObject([{ deadReason: "GONE", attempts: [{ status: 410 }] }]);
  });

  test.each(["http://127.0.0.1", "http://rebound.example", "http://[::ffff:127.0.0.1]"])(
    "at %s is never called where that is not allowed",
    async (host) => {
      await hook("a", `${host}:${new URL(endpoint.url).port}/`);
      await startServers(1, { allowAddresses: [] });
      await endOne();
      await eventually(async () => expect((await standing()).failures).toBeGreaterThan(0));
      const { deliveries } = await at.store.webhooks.deliveries("a", { states: ["PENDING"], limit: 10 });
      expect(deliveries[0]!.attempts[0]!.error).toMatch(/not an address of the public internet/);
      expect(endpoint.received).toEqual([]);
    },
  );
});

describe("what a store forgets", () => {
  test("of deliveries only, as one primary of a cluster may, is brought again", async () => {
    endpoint.answer = () => undefined;
    await hook("a");
    await startServers(1);
    const id = await endOne();
    await eventually(async () => expect((await standing()).pending).toBe(1));
    // The installation's slot comes back from before the delivery; the zone's does not.
    for (const key of await at.redis.keys("{pm}:deliver*")) await at.redis.del(key);
    expect((await standing()).pending).toBe(0);
    endpoint.answer = (_request, response) => void response.writeHead(204).end();
    at.time.now += 31_000;
    await eventually(async () => expect((await standing()).delivered).toBe(1));
    expect(got().at(-1)!.data).toMatchObject({ job: { id } });
    expect(new Set(got().map(({ id: delivery }) => delivery)).size).toBe(1);
  });
});
