import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { NewJob } from "../../src/domain/job.js";
import { claimOne, newJob, worker } from "../support/jobs.js";
import { openTestStore, type TestStore } from "../support/store.js";

let at: TestStore;
const w1 = worker("w1");
const pause = { caller: "ann", reason: "", timeMs: 1 };
const place = { zone: "default", device: "r1", endpoint: "10.0.0.1:22" };

beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());
beforeEach(async () => {
  await at.empty();
  await at.store.leases.register(w1);
});

const create = async (part: Partial<NewJob> = {}): Promise<string> =>
  (await at.store.jobs.create(newJob(at.time.now, { failIfBlocked: true, ...part }))).job.id;
const tickAfter = async (ms: number): Promise<void> => {
  at.time.now += ms;
  await at.store.upkeep.tick("default");
};

describe("a job that is not to wait", () => {
  test("for a later start fails when its time comes and its device is closed, and starts when it is open", async () => {
    const [closed, open] = [
      await create({ startAfterMs: at.time.now + 1_000 }),
      await create({ startAfterMs: at.time.now + 9_000 }),
    ];
    await at.store.queues.pause(place, pause);
    expect((await at.store.jobs.get(closed))?.state).toBe("DELAYED");
    await tickAfter(1_000);
    expect(await at.store.jobs.get(closed)).toMatchObject({ state: "FAILED", error: { reason: "QUEUE_PAUSED" } });
    await at.store.queues.pause(place, undefined);
    await tickAfter(8_000);
    expect((await claimOne(at.store, w1))?.job).toBe(open);
  });

  test("fails behind the pause before another attempt as well", async () => {
    const id = await create();
    const error = { reason: "DISCONNECTED", message: "gone" };
    const again = { verdict: "RETRY", error, intendedStep: 0, confirmedStep: 0, retryInMs: 500 } as const;
    await at.store.leases.finish((await claimOne(at.store, w1))!, { ...again, keepDevice: false });
    await at.store.devices.lock({ ...place, name: "r1" }, { owner: "ann", scope: "ALL", reason: "" });
    await tickAfter(500);
    const { events } = await at.store.jobs.events(id, 1, 100);
    expect(await at.store.jobs.get(id)).toMatchObject({ state: "FAILED", error: { reason: "DEVICE_LOCKED" } });
    expect(events.at(-1)).toMatchObject({ attempt: 1, fact: { kind: "state", state: "FAILED" } });
  });

  test.each([
    ["at a device", {}],
    ["without a device", { endpoint: "job/x", address: "", device: undefined, skill: "node/a" }],
  ])(
    "%s fails when a worker meets a limit that became full behind it, and leaves nothing of its place",
    async (_where, part) => {
      await at.store.queues.setLimit("default", "queue/bulk", 1);
      const busy = await create({ endpoint: "10.0.0.9:22", queue: "bulk", failIfBlocked: false });
      const late = await create({ queue: "bulk", ...(part as Partial<NewJob>) });
      const { claims } = await at.store.leases.claim({ ...w1 }, 10, "both");
      expect(claims.map(({ job }) => job.id)).toEqual([busy]);
      expect(await at.store.jobs.get(late)).toMatchObject({ state: "FAILED", error: { reason: "LIMIT_REACHED" } });
      expect(await at.redis.exists("{pm:default}:ep:job/x")).toBe(0);
      const problems: unknown[] = [];
      await at.store.fsck.check("default", { repair: false, report: (problem) => problems.push(problem) });
      expect(problems).toEqual([]);
    },
  );

  test("takes the place of no job that waits where it would only fail", async () => {
    const dedupe = { key: "backup", policy: "REPLACE" } as const;
    const live = await create({ failIfBlocked: false, dedupe });
    await at.store.queues.pause(place, pause);
    const refused = await create({ dedupe });
    expect(await at.store.jobs.get(refused)).toMatchObject({ state: "FAILED", error: { reason: "QUEUE_PAUSED" } });
    expect(await at.store.jobs.get(live)).toMatchObject({ state: "QUEUED" });
    await expect(create({ dedupe: { ...dedupe, policy: "REJECT" } })).rejects.toMatchObject({
      metadata: { job: live },
    });
    await at.store.queues.pause(place, undefined);
    const next = await create({ dedupe });
    expect((await at.store.jobs.get(live))?.state).toBe("CANCELLED");
    expect((await claimOne(at.store, w1))?.job).toBe(next);
  });
});
