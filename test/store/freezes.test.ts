import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { NewJob } from "../../src/domain/job.js";
import type { PolicyScope } from "../../src/domain/policy.js";
import { createKeySpace } from "../../src/store/keys.js";
import { createPolicyStore } from "../../src/store/policies.js";
import { createScripts } from "../../src/store/scripts.js";
import { createZones } from "../../src/store/zones.js";
import { createCalendar } from "../../src/system/calendar.js";
import { eventually } from "../support/eventually.js";
import { claimOne, newJob, succeed, worker } from "../support/jobs.js";
import { openTestStore, type TestStore } from "../support/store.js";

let at: TestStore;
const w1 = worker("w1");
const everything: PolicyScope = { zones: [], devices: [], labels: {} };

beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());
afterEach(async () => {
  await at.empty();
});

const change = (part: Partial<NewJob> = {}) =>
  at.store.jobs.create(newJob(at.time.now, { effectClass: "AT_MOST_ONCE", ...part })).then(({ job }) => job);

async function freeze(name: string, part: { scope?: PolicyScope; startMs?: number; endMs?: number } = {}) {
  const { scope = everything, startMs = 0, endMs } = part;
  const ends = endMs === undefined ? {} : { endMs };
  return at.store.policies.create("freeze", { name, owner: "ann", reason: "works", scope, startMs, ...ends });
}

describe("a freeze", () => {
  test("keeps changes from starting, says which and until when, and lets reads go on", async () => {
    await at.store.leases.register(w1);
    const endMs = at.time.now + 60_000;
    await freeze("xmas", { endMs });
    const frozen = await change();
    const { job: read } = await at.store.jobs.create(newJob(at.time.now));
    expect(await at.store.jobs.waiting([frozen])).toEqual([
      { reason: "FROZEN", policy: "freeze/xmas", untilMs: endMs, position: 1 },
    ]);
    const holder = await claimOne(at.store, w1);
    expect(holder?.job).toBe(read.id);
    await succeed(at.store, holder!);
    expect(await claimOne(at.store, w1)).toBeUndefined();

    at.time.now = endMs;
    await at.store.policies.keep("default");
    expect((await claimOne(at.store, w1))?.job).toBe(frozen.id);
  });

  test("begins at its time, for what waits already", async () => {
    await at.store.leases.register(w1);
    await freeze("later", { startMs: at.time.now + 1_000 });
    const waiting = await change();
    at.time.now += 1_000;
    expect(await at.store.jobs.waiting([waiting])).toMatchObject([{ reason: "FROZEN" }]);
    expect(await claimOne(at.store, w1)).toBeUndefined();
    await at.store.policies.remove("freeze", "later");
    expect((await claimOne(at.store, w1))?.job).toBe(waiting.id);
  });

  test("is asked again at the point of no return", async () => {
    await at.store.leases.register(w1);
    await change();
    const holder = await claimOne(at.store, w1);
    await freeze("now", { endMs: at.time.now + 5_000 });
    expect(await at.store.leases.intent(holder!, 1)).toEqual({
      answer: "FROZEN",
      policy: "freeze/now",
      untilMs: at.time.now + 5_000,
    });
  });

  test("fails what is not to wait", async () => {
    await freeze("now");
    expect(await change({ failIfBlocked: true })).toMatchObject({
      state: "FAILED",
      effect: "NONE",
      error: { reason: "CHANGES_FROZEN", metadata: { policy: "freeze/now" } },
    });
  });

  const device = (name: string, address: string, site: string) => ({
    ...{ name, address, port: 22, platform: "cisco_ios", credential: "lab", zone: "default" },
    ...{ endpoint: `${address}:22`, labels: { site } },
  });
  const lab = {
    ...{ name: "lab", username: "u", hasPassword: true, hasPrivateKey: false, hasEnableSecret: false },
    sealed: new Uint8Array([1]),
  };

  test("of labels holds for the devices that have them, also for those that come later", async () => {
    await at.store.leases.register(w1);
    await at.store.credentials.create(lab);
    await at.store.devices.create(device("a", "10.1.0.1", "fra"));
    await at.store.devices.create(device("b", "10.1.0.2", "ams"));
    await freeze("fra", { scope: { zones: [], devices: [], labels: { site: "fra" } } });
    const frozen = await change({ device: "a", endpoint: "10.1.0.1:22" });
    const free = await change({ device: "b", endpoint: "10.1.0.2:22" });
    expect((await at.store.jobs.waiting([frozen, free])).map((why) => why?.reason)).toEqual(["FROZEN", "CLAIM"]);
    await at.store.policies.follow(await at.store.devices.update(device("b", "10.1.0.2", "fra")));
    expect((await at.store.jobs.waiting([free]))[0]?.reason).toBe("FROZEN");
    expect(await claimOne(at.store, w1)).toBeUndefined();
    await at.store.policies.follow(await at.store.devices.update(device("b", "10.1.0.2", "ams")));
    expect((await claimOne(at.store, w1))?.job).toBe(free.id);
    // Nobody tells of this one: it is found out when it is looked again who has the label.
    await at.store.devices.update(device("a", "10.1.0.1", "ams"));
    at.time.now += 60_000;
    await at.store.policies.keep("default");
    expect((await claimOne(at.store, w1))?.job).toBe(frozen.id);
  });

  test("of labels holds for a device that comes while it is looked who has them", async () => {
    await at.store.credentials.create(lab);
    const { time, redis } = at;
    const scripts = createScripts(redis, () => time.now);
    const keys = createKeySpace("pm");
    const zones = createZones(redis, scripts, keys);
    await zones.ensure("default");
    const policies = createPolicyStore({
      ...{ redis, scripts, keys, zones, calendar: createCalendar() },
      now: () => time.now,
      devices: {
        async list(query) {
          const page = await at.store.devices.list(query);
          await policies.follow(await at.store.devices.create(device("late", "10.1.0.9", "fra")));
          return page;
        },
      },
    });
    const scope = { zones: [], devices: [], labels: { site: "fra" } };
    await policies.create("freeze", { name: "fra", owner: "ann", reason: "works", scope, startMs: 0 });
    const frozen = await change({ device: "late", endpoint: "10.1.0.9:22" });
    expect((await at.store.jobs.waiting([frozen]))[0]?.reason).toBe("FROZEN");
  });

  test("of a name that exists is refused, and so is the deleting of one that does not", async () => {
    await freeze("once");
    await expect(freeze("once")).rejects.toMatchObject({ reason: "POLICY_EXISTS" });
    await expect(at.store.policies.remove("freeze", "twice")).rejects.toMatchObject({ reason: "POLICY_NOT_FOUND" });
  });
});

test("a change window is open in its times, and says when it opens next", async () => {
  await at.store.leases.register(w1);
  at.time.now = Date.UTC(2030, 2, 30, 12);
  // The clocks go forward in Berlin on 2030-03-31 at 02:00.
  const times = [{ cron: "30 3 * * SUN", durationMs: 3_600_000, timeZone: "Europe/Berlin" }];
  await at.store.policies.create("window", { name: "night", owner: "ann", reason: "", scope: everything, times });
  const waiting = await change({ queueTimeoutMs: 86_400_000 });
  const opens = Date.UTC(2030, 2, 31, 1, 30);
  expect(await at.store.jobs.waiting([waiting])).toMatchObject([{ policy: "window/night", untilMs: opens }]);
  at.time.now = opens;
  await at.store.policies.keep("default");
  expect((await claimOne(at.store, w1))?.job).toBe(waiting.id);
  at.time.now += 3_600_000;
  expect(await at.store.jobs.waiting([await change({ endpoint: "10.9.0.1:22" })])).toMatchObject([
    { policy: "window/night", untilMs: Date.UTC(2030, 3, 7, 1, 30) },
  ]);
});

describe("a stop of changes", () => {
  test("holds in every zone, also in one that comes later, and tells the workers", async () => {
    const hints: string[] = [];
    await at.store.leases.register(w1);
    const off = await at.store.leases.onHint(w1, ({ kind }) => hints.push(kind));
    await at.store.policies.stop({ owner: "ann", reason: "fire" });
    await eventually(() => expect(hints).toContain("stop"));
    await off();
    await at.store.ensureZone("berlin");
    for (const zone of ["default", "berlin"]) {
      expect(await at.store.leases.stopped(zone)).toMatchObject({ owner: "ann", reason: "fire" });
    }
    const stopped = await change();
    expect(await at.store.jobs.waiting([stopped])).toEqual([{ reason: "FROZEN", policy: "stop/changes", position: 1 }]);
    expect(await at.store.policies.allow()).toMatchObject({ owner: "ann" });
    expect(await at.store.policies.allow()).toBeUndefined();
    expect((await claimOne(at.store, w1))?.job).toBe(stopped.id);
  });

  test("lets a crowd go on as a whole", async () => {
    await at.store.policies.stop({ owner: "ann", reason: "fire" });
    for (let i = 0; i < 250; i++) await change({ endpoint: `10.2.0.${i}:22` });
    await at.store.policies.allow();
    expect(await at.redis.zcard("{pm:default}:parked:stop/changes")).toBe(0);
    expect(await at.redis.zcard("{pm:default}:ready")).toBe(250);
  });

  test("is followed by a zone that forgot it, or that knows of a later one", async () => {
    await at.store.policies.stop({ owner: "ann", reason: "fire" });
    await at.redis.del("{pm:default}:freezes");
    await at.store.policies.keep("default");
    expect(await at.store.leases.stopped("default")).toBeDefined();
    await at.redis.hset("{pm:default}:freezes", "#version", 99);
    await at.redis.hdel("{pm:default}:freezes", "stop/changes");
    await at.store.policies.keep("default");
    expect(await at.redis.hexists("{pm:default}:freezes", "stop/changes")).toBe(1);
  });
});
