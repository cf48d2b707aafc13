import { afterAll, beforeAll, expect, test } from "vitest";
import { createSeededRandom } from "../../src/dev/simulator/seeded-random.js";
import { createRedisStore } from "../../src/store/redis-store.js";
import { createCalendar } from "../../src/system/calendar.js";
import { StoreError, type Claim, type Store } from "../../src/store/store.js";
import { eventually } from "../support/eventually.js";
import { newJob, worker } from "../support/jobs.js";
import { openTestStore, type TestStore } from "../support/store.js";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.js";

const jobs = 3_000;
const workers = 3;

let at: TestStore;
let proxy: TcpProxy;
const stores: Store[] = [];

beforeAll(async () => {
  at = await openTestStore({ realTime: true });
  proxy = await startTcpProxy({ path: at.address }, createSeededRandom("lost replies"));
  const now = (): number => Date.now();
  const monotonic = (): number => performance.now();
  for (let n = 0; n < workers; n++) {
    stores.push(
      await createRedisStore({
        calendar: createCalendar(),
        address: `redis://127.0.0.1:${proxy.port}`,
        now,
        monotonic,
      }),
    );
  }
});
afterAll(async () => {
  proxy.set({});
  await Promise.all(stores.map((store) => store.close()));
  await proxy.close();
  await at.close();
});

test("3,000 claims whose replies get lost: every job is somebody's and known to be, and no call is left unanswered", async () => {
  const now = Date.now();
  const created = await at.store.jobs.createMany(
    Array.from({ length: jobs }, (_, n) => newJob(now, { endpoint: `10.${n >> 8}.${n & 255}.1:22`, device: `r${n}` })),
  );
  expect(created.filter((one) => one instanceof StoreError)).toEqual([]);
  const owner = worker("claims-1");
  for (const [n, store] of stores.entries()) await store.leases.register({ ...owner, name: `claims-${n}` });
  proxy.set({ eatReplies: 0.02 });

  let failed = 0;
  /** As a worker does it: under one name until the answer has come. */
  async function claimOne(store: Store, name: string, request: string): Promise<readonly Claim[]> {
    for (;;) {
      const answer = await store.leases.claim({ ...owner, name }, 1, request).catch((error: unknown) => {
        if (!(error instanceof StoreError)) throw error;
        failed++;
        return undefined;
      });
      if (answer) return answer.claims;
      await eventually(() => store.leases.beat({ ...owner, name }, beat));
    }
  }
  const beat = { running: 0, sessions: 0, closing: false, draining: false, succeeded: 0, failed: 0 };

  // A call that is never answered keeps this from ending.
  const held = await Promise.all(
    stores.map(async (store, n) => {
      const mine: string[] = [];
      for (let request = 0; request < jobs / workers; request++) {
        const [claim] = await claimOne(store, `claims-${n}`, `request-${request}`);
        if (claim) mine.push(claim.job.id);
      }
      return mine;
    }),
  );

  expect(proxy.eaten).toBeGreaterThanOrEqual(15);
  expect(failed).toBeGreaterThanOrEqual(10);
  expect(new Set(held.flat()).size).toBe(jobs);
  const running = await at.store.jobs.count({ states: ["RUNNING"] });
  expect(running.get("RUNNING")).toBe(held.flat().length);
});
