import { expect, test } from "vitest";
import { createRedisStore } from "../../src/store/redis-store.js";
import { createCalendar } from "../../src/system/calendar.js";
import { eventually } from "../support/eventually.js";
import { claimOne, newJob, worker } from "../support/jobs.js";
import { startCluster, startSentinel } from "../support/redis-topologies.js";

test.each([
  ["Sentinel", () => startSentinel({ tls: true })],
  ["a cluster", () => startCluster(1, 0, { tls: true })],
])("state, hints and feeds of %s go over TLS when nothing else is spoken", async (_, start) => {
  const topology = await start();
  try {
    const store = await createRedisStore({
      calendar: createCalendar(),
      address: topology.url,
      now: () => Date.now(),
      monotonic: () => performance.now(),
    });
    try {
      const w1 = worker("w1");
      await store.leases.register(w1);
      let hints = 0;
      let news = 0;
      await store.leases.onHint(w1, () => hints++);
      store.watches.onFeed(() => news++);
      await eventually(() => expect(news).toBeGreaterThan(0));
      [hints, news] = [0, 0];
      expect(await claimOne(store, w1)).toBeUndefined();
      const { job } = await store.jobs.create(newJob(Date.now()));
      await eventually(() => expect([hints > 0, news > 0]).toEqual([true, true]));
      expect((await claimOne(store, w1))?.job).toBe(job.id);
    } finally {
      await store.close();
    }
  } finally {
    await topology.close();
  }
});
