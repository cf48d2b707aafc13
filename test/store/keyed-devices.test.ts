import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { NewJob } from "../../src/domain/job.js";
import { claimOne, newJob, succeed, worker } from "../support/jobs.js";
import { openTestStore, type TestStore } from "../support/store.js";

let at: TestStore;
const w1 = worker("w1");

beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());
beforeEach(async () => {
  await at.store.ensureZone("default");
  await at.store.leases.register(w1);
});
afterEach(() => at.empty());

async function create(part: Partial<NewJob> = {}): Promise<string> {
  return (await at.store.jobs.create(newJob(at.time.now, part))).job.id;
}

describe("a device whose exclusivity is keyed by a key of its own", () => {
  const stack = {
    ...{ name: "stack", address: "10.0.5.1", port: 22, platform: "cisco_ios", credential: "lab", zone: "default" },
    ...{ exclusiveKey: "stack-a", endpoint: "key/stack-a", labels: {} },
  };
  const plain = { endpoint: "10.0.5.1:22", device: "other" };
  const secret = { username: "u", hasPassword: true, hasPrivateKey: false, hasEnableSecret: false };

  beforeEach(async () => {
    await at.store.credentials.create({ name: "lab", ...secret, sealed: new Uint8Array([1]) });
  });

  test("is the one that is meant by its address, so that two lines never lead to one device", async () => {
    expect(await at.store.devices.exclusiveAt("default", { address: "10.0.5.1", port: 22 })).toBe("10.0.5.1:22");
    await at.store.devices.create(stack);
    expect(await at.store.devices.exclusiveAt("default", { address: "10.0.5.1", port: 22 })).toBe("key/stack-a");
    await expect(create(plain)).rejects.toMatchObject({ reason: "DEVICE_NOT_FOUND" });
    const twin = { ...stack, name: "twin", exclusiveKey: "stack-b", endpoint: "key/stack-b" };
    await expect(at.store.devices.create(twin)).rejects.toMatchObject({ reason: "ENDPOINT_TAKEN" });
    await at.store.devices.update({ ...stack, address: "10.0.5.2" });
    expect(await create(plain)).toBeDefined();
    await at.store.devices.remove("stack");
    expect(await create({ ...plain, endpoint: "10.0.5.2:22" })).toBeDefined();
  });

  test("is not added while jobs are live at its address; a removal that was cut off closes nothing for good", async () => {
    await create(plain);
    await expect(at.store.devices.create(stack)).rejects.toMatchObject({ reason: "DEVICE_HAS_LIVE_JOBS" });
    expect(await create(plain)).toBeDefined();
    await at.redis.hset("{pm:default}:ep:10.0.6.1:22", "closed", String(at.time.now + 60_000));
    await expect(create({ endpoint: "10.0.6.1:22" })).rejects.toMatchObject({ reason: "DEVICE_NOT_FOUND" });
    at.time.now += 60_000;
    expect(await create({ endpoint: "10.0.6.1:22" })).toBeDefined();
  });

  test("a device cannot be moved or removed under a lock or a pause, nor its address changed under a running job", async () => {
    const keyed = {
      ...{ name: "k", address: "10.0.8.1", port: 22, platform: "frr", credential: "lab", zone: "default", labels: {} },
      ...{ exclusiveKey: "K", endpoint: "key/K" },
    };
    await at.store.devices.create(keyed);
    await at.store.devices.lock(keyed, { owner: "ann", scope: "ALL", reason: "mine" });
    await expect(at.store.devices.remove("k")).rejects.toMatchObject({ reason: "DEVICE_LOCKED" });
    await at.store.devices.unlock(keyed, "ann", false);
    await create({ endpoint: "key/K", device: "k", address: "10.0.8.1" });
    const holder = (await claimOne(at.store, w1))!;
    const moved = at.store.devices.update({ ...keyed, address: "10.0.8.2" });
    await expect(moved).rejects.toMatchObject({ reason: "DEVICE_HAS_LIVE_JOBS" });
    await succeed(at.store, holder);
    const { exclusiveKey: _, ...plain } = keyed;
    await at.store.devices.update({ ...plain, endpoint: "10.0.8.1:22" });
    await at.store.devices.update(keyed);
    await expect(create({ endpoint: "10.0.8.1:22" })).rejects.toMatchObject({ reason: "DEVICE_NOT_FOUND" });
    await at.store.devices.remove("k");
    expect(await create({ endpoint: "10.0.8.1:22" })).toBeDefined();
  });
});
