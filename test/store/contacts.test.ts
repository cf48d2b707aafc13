import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Contact } from "../../src/store/store.js";
import { claimOne, newJob, worker } from "../support/jobs.js";
import { openTestStore, type TestStore } from "../support/store.js";

let at: TestStore;
const device = (endpoint = "10.0.0.1:22", credential = "lab/1/5"): Contact => ({
  zone: "default",
  endpoint,
  credential,
});
const silent = { kind: "unreachable", reason: "DEVICE_UNREACHABLE", message: "no answer" } as const;
const refused = { kind: "refused", reason: "AUTHENTICATION_FAILED", message: "no" } as const;

beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());
afterEach(() => at.empty());

async function fail(contact: Contact, outcome: typeof silent | typeof refused, times: number): Promise<void> {
  for (let i = 0; i < times; i++) await at.store.contacts.end(contact, outcome);
}

const begin = (contact = device(), pressing = false) => at.store.contacts.begin(contact, pressing);

describe("breakers", () => {
  test("the fifth silence in a row opens a device's; then one tries at a time, and each failure doubles the pause", async () => {
    await fail(device(), silent, 4);
    expect(await begin()).toEqual({ counted: true });
    await fail(device(), silent, 1);
    expect(await begin()).toMatchObject({
      open: { name: "device/10.0.0.1:22", waitMs: 30_000, reason: "DEVICE_UNREACHABLE", message: "no answer" },
    });
    expect(await begin(device("10.0.0.2:22"))).toEqual({ counted: false });
    expect(await begin(device(), true)).toEqual({ counted: true });
    at.time.now += 30_000;
    expect(await begin()).toEqual({ counted: true });
    expect(await begin()).toMatchObject({ open: { waitMs: 60_000 } });
    await fail(device(), silent, 1);
    expect(await begin()).toMatchObject({ open: { waitMs: 60_000 } });
    await fail(device(), silent, 20);
    expect(await begin()).toMatchObject({ open: { waitMs: 600_000 } });
  });

  test("being let in closes it, and starts the count again", async () => {
    await fail(device(), silent, 5);
    await at.store.contacts.end(device(), { kind: "reached", cryptoProfile: "legacy" });
    expect(await begin()).toEqual({ counted: false, cryptoProfile: "legacy" });
    await fail(device(), silent, 4);
    expect((await begin()).open).toBeUndefined();
  });

  test("the third refusal in a row opens a credential's, everywhere, but not that of another version", async () => {
    for (const n of [1, 2, 3]) await fail(device(`10.0.0.${n}:22`), refused, 1);
    expect(await begin(device("10.0.0.9:22"))).toMatchObject({
      open: { name: "credential/lab/1/5", waitMs: 300_000, reason: "AUTHENTICATION_FAILED" },
    });
    expect(await begin(device("10.0.0.9:22", "lab/2/5"))).toEqual({ counted: false });
  });

  test("a device that refuses a login keeps that login out alone, however others fare with it", async () => {
    for (let i = 0; i < 3; i++) {
      await fail(device(), refused, 1);
      await at.store.contacts.end(device("10.0.0.2:22"), { kind: "reached" });
    }
    expect(await begin(device("10.0.0.2:22"))).toEqual({ counted: false });
    expect(await begin()).toMatchObject({ open: { name: "device/10.0.0.1:22" } });
    expect((await begin(device("10.0.0.1:22", "lab/2/5"))).open).toBeUndefined();
  });

  test("a login that is a job's own, and refused, keeps nobody else out", async () => {
    const own = { zone: "default", endpoint: "10.0.0.1:22" };
    await fail(own, refused, 9);
    expect(await begin()).toEqual({ counted: false });
    // It was no silence either, nor does it make up for refusals of another login.
    await fail(device(), silent, 4);
    await fail(own, refused, 1);
    await fail(device(), silent, 4);
    expect((await begin()).open).toBeUndefined();
    await fail(device(), refused, 3);
    await fail(own, refused, 1);
    expect(await begin()).toMatchObject({ open: { name: "device/10.0.0.1:22" } });
  });

  test("are seen, and closed by a person", async () => {
    await fail(device(), silent, 5);
    const { breakers } = await at.store.contacts.look("default", "10.0.0.1:22", ["lab/1/5"]);
    expect(breakers).toEqual([
      {
        ...{ name: "device/10.0.0.1:22", failures: 5, reason: "DEVICE_UNREACHABLE", message: "no answer" },
        ...{ openMs: at.time.now, tryMs: at.time.now + 30_000 },
      },
    ]);
    expect(await at.store.contacts.reset("default", "10.0.0.1:22", ["lab/1/5"])).toBe(1);
    expect(await begin()).toEqual({ counted: false });
    expect(await at.store.contacts.look("default", "10.0.0.1:22", [])).toEqual({ breakers: [] });
  });
});

describe("a job that a breaker keeps from connecting", () => {
  const putOff = { verdict: "RETRY", retryInMs: 30_000, breaker: "device/10.0.0.1:22" } as const;
  const error = { reason: "BREAKER_OPEN", message: "nobody connects now" };
  const nothing = { intendedStep: 0, confirmedStep: 0, keepDevice: false };
  const w1 = worker("w1");

  async function putOffOne(
    effectClass: "READ_ONLY" | "AT_MOST_ONCE" = "READ_ONLY",
    breaker: string = putOff.breaker,
  ): Promise<{ readonly id: string; readonly expireMs: number }> {
    await at.store.leases.register(w1);
    const { job } = await at.store.jobs.create({ ...newJob(at.time.now), effectClass });
    const holder = (await claimOne(at.store, w1))!;
    at.time.now += 1_000;
    await at.store.leases.finish(holder, { ...nothing, ...putOff, breaker, error });
    return { id: job.id, expireMs: job.expireMs };
  }

  test("says so, comes back by itself, waits no longer for it, and no try was counted", async () => {
    const { id, expireMs } = await putOffOne();
    expect(await at.store.jobs.get(id)).toMatchObject({ state: "DELAYED", expireMs, retryMs: at.time.now + 30_000 });
    expect((await at.store.jobs.waiting([(await at.store.jobs.get(id))!]))[0]).toMatchObject({
      reason: "BREAKER_OPEN",
    });
    at.time.now += 30_000;
    await at.store.upkeep.tick("default");
    const { claims } = await at.store.leases.claim(w1, 1, "again");
    expect(claims).toMatchObject([{ job: { id, attempt: 2 }, countedAttempts: 1 }]);
  });

  test.each(["READ_ONLY", "AT_MOST_ONCE"] as const)(
    "goes on at once when somebody is let in, or closes the breaker: %s",
    async (effectClass) => {
      for (const close of [
        () => at.store.contacts.end(device(), { kind: "reached" }),
        () => at.store.contacts.reset("default", "10.0.0.1:22", []),
      ]) {
        await at.empty();
        await fail(device(), silent, 5);
        const { id } = await putOffOne(effectClass);
        await close();
        expect(await at.store.jobs.get(id)).toMatchObject({ state: "QUEUED" });
        expect((await at.store.leases.claim(w1, 1, `after ${String(close)}`)).claims).toHaveLength(1);
      }
    },
  );

  test("goes on when it waits for the breaker of a credential of its own", async () => {
    const own = device("10.0.0.1:22", "own/1/1");
    await fail(own, refused, 3);
    const { id } = await putOffOne("AT_MOST_ONCE", "credential/own/1/1");
    expect(await at.store.contacts.reset("default", "10.0.0.1:22", ["lab/1/5"])).toBe(2);
    expect(await at.store.jobs.get(id)).toMatchObject({ state: "QUEUED" });
    expect((await begin(own)).open).toBeUndefined();
  });
});
