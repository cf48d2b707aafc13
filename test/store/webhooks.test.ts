import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { HookFilter, HookKind } from "../../src/domain/webhook.js";
import { deliveryId } from "../../src/store/delivery-id.js";
import type { NewDelivery } from "../../src/store/store.js";
import { claimOne, newJob, succeed, worker } from "../support/jobs.js";
import { openTestStore, type TestStore } from "../support/store.js";

let at: TestStore;
const w1 = worker("w1");
const day = 86_400_000;
const everything: HookFilter = { events: [], queues: [], labels: {}, devices: [], zones: [] };

beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());
beforeEach(() => at.empty());

const hook = (name: string, filter: Partial<HookFilter> = {}) =>
  at.store.webhooks.create({
    ...{ name, uid: `uid-${name}`, url: "https://hook.example/", retryForMs: 3 * day, creator: "ann" },
    ...{ filter: { ...everything, ...filter }, sealed: Uint8Array.of(1, 2, 3) },
  });

function delivery(subject: string, part: Partial<NewDelivery> = {}): NewDelivery {
  const [uid, kind] = ["uid-a", "job.failed" as HookKind];
  const [eventMs, deadlineMs] = [at.time.now, at.time.now + 3 * day];
  return { id: deliveryId(uid, kind, subject), uid, kind, subject, eventMs, deadlineMs, body: "{}", ...part };
}

const room = [{ uid: "uid-a", room: 8 }];
const take = () => at.store.webhooks.take(room, 15_000);
const failure = { durationMs: 5, status: 500 };
const retry = { kind: "retry", afterMs: 5_000 } as const;
const delivered = { kind: "delivered" } as const;

async function endOne(part: Parameters<typeof newJob>[1] = {}): Promise<string> {
  await at.store.leases.register(w1);
  const { job } = await at.store.jobs.create(newJob(at.time.now, part));
  await succeed(at.store, (await claimOne(at.store, w1))!);
  return job.id;
}

describe("what is noted for webhooks", () => {
  test("is nothing while there is none, and what somebody asks for from the moment that one is created", async () => {
    await endOne();
    expect(Object.keys(await at.dump()).filter((key) => /hook/.test(key))).toEqual([]);
    expect(await at.store.webhooks.events("default", 10)).toEqual([]);

    await hook("a", { events: ["job.succeeded", "run.failed"] });
    const id = await endOne();
    const { job } = await at.store.jobs.create(newJob(at.time.now));
    await at.store.jobs.cancel(job.id, { interruptRunning: false, caller: "ann", reason: "" });
    expect(await at.store.webhooks.events("default", 10)).toEqual([
      { kind: "job.succeeded", subject: id, timeMs: at.time.now, zone: "default", again: false },
    ]);
  });

  test("is told of the end and the resolution of a job in doubt, and of the hold on its device, once each", async () => {
    await hook("a");
    await at.store.leases.register(w1);
    const { job } = await at.store.jobs.create(newJob(at.time.now, { effectClass: "AT_MOST_ONCE" }));
    const holder = (await claimOne(at.store, w1))!;
    await at.store.leases.intent(holder, 1);
    const end = { intendedStep: 1, confirmedStep: 0, keepDevice: false } as const;
    await at.store.leases.finish(holder, { verdict: "INDETERMINATE", ...end });
    await at.store.jobs.resolve(job.id, { kind: "APPLIED", resolver: "ann", reason: "looked" });
    const noted = (await at.store.webhooks.events("default", 10)).map(({ kind, subject }) => [kind, subject]);
    expect(noted.sort()).toEqual([
      ["device.held", `${job.id} 0 10.0.0.1:22`],
      ["device.released", `${job.id} ${at.time.now} 10.0.0.1:22`],
      ["job.indeterminate", job.id],
      ["job.resolved", job.id],
    ]);
  });

  test("is brought once more half a minute after it was told, and then forgotten", async () => {
    await hook("a");
    const id = await endOne();
    const { webhooks } = at.store;
    const first = await webhooks.events("default", 10);
    await webhooks.told("default", first);
    // A second server that had looked at the same time.
    await webhooks.told("default", first);
    expect(await webhooks.events("default", 10)).toEqual([]);
    const whenMs = at.time.now;
    at.time.now += 30_001;
    const second = await webhooks.events("default", 10);
    expect(second).toEqual([{ kind: "job.succeeded", subject: id, timeMs: whenMs, zone: "default", again: true }]);
    await webhooks.told("default", second);
    expect(await webhooks.events("default", 10)).toEqual([]);
    expect(Object.keys(await at.dump()).filter((key) => /hook-/.test(key))).toEqual([]);
  });

  test("waits while memory runs short, and goes with the last webhook", async () => {
    await hook("a");
    await endOne();
    await at.redis.hset("{pm:default}:gate", "full", "80");
    expect(await at.store.webhooks.events("default", 10)).toEqual([]);
    await at.redis.hset("{pm:default}:gate", "full", "79");
    expect(await at.store.webhooks.events("default", 10)).toHaveLength(1);
    await at.store.webhooks.remove("a");
    await endOne();
    expect(await at.store.webhooks.events("default", 10)).toEqual([]);
  });

  test("follows webhooks that came back with older data", async () => {
    await hook("a", { events: ["job.failed"] });
    const before = await at.redis.hgetall("{pm}:webhooks");
    await hook("b", { events: ["job.succeeded"] });
    await at.redis.del("{pm}:webhooks");
    await at.redis.hset("{pm}:webhooks", before);
    await at.store.webhooks.keep("default");
    expect(await at.redis.hget("{pm:default}:hooks", "kinds")).toBe(" job.failed ");
  });
});

test("a zone that is new notes what webhooks ask for, too", async () => {
  const own = await openTestStore();
  try {
    const { store } = own;
    const webhook = { name: "a", uid: "uid-a", url: "https://hook.example/", retryForMs: day, creator: "ann" };
    await store.webhooks.create({ ...webhook, filter: everything, sealed: Uint8Array.of(1) });
    await store.ensureZone("lab");
    const there = worker("w3", "lab");
    await store.leases.register(there);
    await store.jobs.create(newJob(own.time.now, { zone: "lab" }));
    await succeed(store, (await claimOne(store, there))!);
    expect(await store.webhooks.events("lab", 10)).toMatchObject([{ kind: "job.succeeded", zone: "lab" }]);
  } finally {
    await own.close();
  }
});

describe("webhooks", () => {
  test("have names of their own, and are a bounded number", async () => {
    await hook("a");
    await expect(hook("a")).rejects.toMatchObject({ reason: "WEBHOOK_EXISTS" });
    await expect(at.store.webhooks.remove("b")).rejects.toMatchObject({ reason: "WEBHOOK_NOT_FOUND" });
    for (let i = 1; i < 100; i++) await hook(`n${i}`);
    await expect(hook("one-more")).rejects.toMatchObject({ reason: "TOO_MANY_WEBHOOKS" });
    expect(await at.store.webhooks.list()).toHaveLength(100);
  });

  test("take changes one after the other, and note what the last of them asks for", async () => {
    await hook("a", { events: ["job.failed"] });
    const { webhooks } = at.store;
    const change = (events: HookKind[]) =>
      webhooks.update("a", ({ filter }) => ({ filter: { ...filter, events: [...filter.events, ...events] } }));
    await Promise.all([change(["job.expired"]), change(["run.failed"])]);
    const [stored] = await webhooks.list();
    expect([...stored!.filter.events].sort()).toEqual(["job.expired", "job.failed", "run.failed"]);
    await webhooks.update("a", () => ({ description: "ours", paused: true }));
    expect(await webhooks.list()).toEqual([{ ...stored, description: "ours", paused: true }]);
    expect(await at.redis.hget("{pm:default}:hooks", "kinds")).toBe(" job.failed job.expired run.failed ");
    await expect(webhooks.update("b", () => ({}))).rejects.toMatchObject({ reason: "WEBHOOK_NOT_FOUND" });
  });

  test("leave nothing behind when they are removed", async () => {
    const before = Object.keys(await at.dump());
    await hook("a");
    const many = Array.from({ length: 450 }, (_, i) => delivery(`j${i}`));
    await at.store.webhooks.add(many);
    const [one, two] = await take();
    await at.store.webhooks.settle(one!, delivered, { durationMs: 1, status: 200 });
    await at.store.webhooks.settle(two!, { kind: "dead", reason: "GONE" }, { durationMs: 1, status: 410 });
    await at.store.webhooks.remove("a");
    // A server that had looked before still brings one.
    await at.store.webhooks.add([delivery("late")]);
    while ((await at.store.webhooks.sweep()) > 0);
    const left = Object.keys(await at.dump()).filter((key) => !before.includes(key));
    expect(left.sort()).toEqual(["{pm:default}:hooks", "{pm}:hooks", "{pm}:webhooks"]);
  });
});

describe("a delivery", () => {
  beforeEach(() => hook("a"));

  test("is there once, however often it is brought", async () => {
    await at.store.webhooks.add([delivery("j1"), delivery("j1")]);
    const before = await at.dump();
    await at.store.webhooks.add([delivery("j1")]);
    expect(await at.dump()).toEqual(before);
    const { deliveries } = await at.store.webhooks.deliveries("a", { states: [], limit: 10 });
    expect(deliveries).toMatchObject([{ id: delivery("j1").id, state: "PENDING", attempt: 0, nextMs: at.time.now }]);
  });

  test("is in the hands of one server, until that has been silent for too long", async () => {
    await at.store.webhooks.add([delivery("j1")]);
    const [first] = await take();
    expect(first).toMatchObject({ id: delivery("j1").id, attempt: 1 });
    expect(await take()).toEqual([]);
    at.time.now += 15_000;
    const [second] = await take();
    expect(second).toMatchObject({ id: first!.id, attempt: 2 });
    // The first wakes: that it failed counts for nothing, that the endpoint heard it does.
    expect(await at.store.webhooks.settle(first!, retry, failure)).toBe(false);
    expect(await at.store.webhooks.settle(first!, delivered, { durationMs: 1, status: 200 })).toBe(true);
    expect(await at.store.webhooks.settle(second!, retry, failure)).toBe(false);
    expect(await at.store.webhooks.status(["uid-a"])).toMatchObject([{ pending: 0, delivered: 1, failures: 0 }]);
  });

  test("tells its latest ten attempts", async () => {
    await at.store.webhooks.add([delivery("j1")]);
    for (let i = 1; i <= 12; i++) {
      const [one] = await at.store.webhooks.take(room, 15_000);
      await at.store.webhooks.settle(one!, retry, { durationMs: i, status: 0, error: `no answer ${i}` });
      at.time.now += 300_000;
    }
    const { deliveries } = await at.store.webhooks.deliveries("a", { states: ["PENDING"], limit: 10 });
    expect(deliveries[0]!.attempts.map(({ number }) => number)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(deliveries[0]!.attempts.at(-1)).toMatchObject({ durationMs: 12, status: 0, error: "no answer 12" });
  });

  test("waits for an endpoint that is down: one is tried at a time, and when that is heard all are", async () => {
    await at.store.webhooks.add(Array.from({ length: 1_200 }, (_, i) => delivery(`j${i}`)));
    const first = await take();
    expect(first).toHaveLength(8);
    for (const one of first) await at.store.webhooks.settle(one, { kind: "retry", afterMs: 3_600_000 }, failure);
    // Four failures beyond the fifth: 5, 10, 20, 40 s.
    at.time.now += 39_999;
    expect(await take()).toEqual([]);
    at.time.now += 1;
    const probe = await take();
    expect(probe).toHaveLength(1);
    expect(await take()).toEqual([]);
    await at.store.webhooks.settle(probe[0]!, delivered, { durationMs: 1, status: 200 });
    const seen = new Set<string>();
    for (let some = await take(); some.length > 0; some = await take()) {
      for (const one of some) {
        seen.add(one.id);
        await at.store.webhooks.settle(one, delivered, { durationMs: 1, status: 200 });
      }
    }
    expect(seen.size).toBe(1_199);
  });

  test("does not wait for another endpoint", async () => {
    await hook("b");
    await at.store.webhooks.add([delivery("j1"), delivery("j2", { id: "other", uid: "uid-b" })]);
    for (let i = 0; i < 6; i++) {
      for (const one of await take()) await at.store.webhooks.settle(one, retry, failure);
      at.time.now += 5_000;
    }
    const rooms = [...room, { uid: "uid-b", room: 8 }];
    expect(await at.store.webhooks.take(rooms, 15_000)).toMatchObject([{ id: "other", uid: "uid-b" }]);
  });

  test("is given up when its time is over, kept for a week, and tried again when somebody asks", async () => {
    await at.store.webhooks.add([delivery("j1"), delivery("j2")]);
    at.time.now += 3 * day + 1;
    await at.store.webhooks.sweep();
    const { deliveries } = await at.store.webhooks.deliveries("a", { states: ["DEAD"], limit: 10 });
    expect(deliveries.map(({ deadReason, attempt }) => [deadReason, attempt])).toEqual([
      ["EXPIRED", 0],
      ["EXPIRED", 0],
    ]);
    expect(await at.store.webhooks.redeliver("a", [deliveries[0]!.id, "nobody"])).toEqual([deliveries[0]!.id]);
    expect(await take()).toMatchObject([{ id: deliveries[0]!.id, attempt: 1, deadlineMs: at.time.now + 3 * day }]);
    expect(await at.store.webhooks.redeliver("a", [deliveries[0]!.id])).toEqual([]);
    at.time.now += 7 * day + 1;
    await at.store.webhooks.sweep();
    expect(await at.store.webhooks.status(["uid-a"])).toMatchObject([{ pending: 0, dead: 1 }]);
    expect(await at.store.webhooks.redeliver("a", "dead")).toEqual([deliveries[0]!.id]);
  });

  describe("of an endpoint that wants order", () => {
    const takeFirst = () => at.store.webhooks.take([{ ...room[0]!, ordered: true }], 15_000);
    const [j1, j2, j3] = ["j1", "j2", "j3"].map((subject) => deliveryId("uid-a", "job.failed", subject));
    beforeEach(() => at.store.webhooks.add(["j1", "j2", "j3"].map((subject) => delivery(subject))));

    test("goes when the one before it was delivered or given up, whoever tries", async () => {
      const [first] = await takeFirst();
      expect(first).toMatchObject({ id: j1, attempt: 1 });
      expect(await takeFirst()).toEqual([]);
      // Its server is silent for too long: another has it, and still nobody the next.
      at.time.now += 15_000;
      const [again] = await takeFirst();
      expect(again).toMatchObject({ id: j1, attempt: 2 });
      await at.store.webhooks.settle(again!, retry, failure);
      expect(await takeFirst()).toEqual([]);
      at.time.now += 5_000;
      const [third] = await takeFirst();
      expect(third).toMatchObject({ id: j1, attempt: 3 });
      await at.store.webhooks.settle(third!, { kind: "dead", reason: "GONE" }, { durationMs: 1, status: 410 });
      const [next] = await takeFirst();
      expect(next).toMatchObject({ id: j2 });
      await at.store.webhooks.settle(next!, delivered, { durationMs: 1, status: 200 });
      // What is tried again takes its old turn.
      await at.store.webhooks.redeliver("a", "dead");
      expect(await takeFirst()).toMatchObject([{ id: j1 }]);
    });

    test("is what finds out that an endpoint which was down is back, within five minutes", async () => {
      for (let i = 0; i < 9; i++) {
        const [one] = await takeFirst();
        expect(one).toMatchObject({ id: j1, attempt: i + 1 });
        await at.store.webhooks.settle(one!, { kind: "retry", afterMs: i < 5 ? 0 : 3_600_000 }, failure);
        expect(i < 4 || (await takeFirst()).length === 0).toBe(true);
        at.time.now += 300_000;
      }
      const [probe] = await takeFirst();
      expect(probe).toMatchObject({ id: j1 });
      at.time.now += 14_999;
      expect(await takeFirst()).toEqual([]);
      await at.store.webhooks.settle(probe!, delivered, { durationMs: 1, status: 200 });
      expect(await takeFirst()).toMatchObject([{ id: j2 }]);
    });

    test("goes with all others once order is not wanted any more, and waits again once it is", async () => {
      expect(await takeFirst()).toMatchObject([{ id: j1 }]);
      const rest = await take();
      expect(new Set(rest.map(({ id }) => id))).toEqual(new Set([j2, j3]));
      await at.store.webhooks.settle(rest[0]!, retry, failure);
      at.time.now += 5_000;
      // The first is still under way.
      expect(await takeFirst()).toEqual([]);
    });
  });

  test("is listed by pages, whatever comes and goes", async () => {
    await at.store.webhooks.add(Array.from({ length: 25 }, (_, i) => delivery(`j${i}`)));
    const [one] = await take();
    await at.store.webhooks.settle(one!, delivered, { durationMs: 1, status: 200 });
    const seen: string[] = [];
    for (let before: number | undefined, more = true; more;) {
      const page = await at.store.webhooks.deliveries("a", {
        ...{ states: [], limit: 10 },
        ...(before !== undefined && { before }),
      });
      seen.push(...page.deliveries.map(({ subject }) => subject));
      await at.store.webhooks.add([delivery(`new ${seen.length}`)]);
      before = page.next;
      more = before !== undefined;
    }
    expect(seen).toEqual(Array.from({ length: 25 }, (_, i) => `j${24 - i}`));
  });
});
