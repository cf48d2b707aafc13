import { pino } from "pino";
import { expect, test } from "vitest";
import { createRunId } from "../../src/domain/job-id.js";
import { createRedisStore } from "../../src/store/redis-store.js";
import { slotOf } from "../../src/store/slot.js";
import { createRunDriver } from "../../src/scheduler/run-driver.js";
import { createRunEnds } from "../../src/scheduler/run-ends.js";
import { createCalendar } from "../../src/system/calendar.js";
import { systemClock } from "../../src/system/clock.js";
import { systemRandom } from "../../src/system/random.js";
import { eventually } from "../support/eventually.js";
import { claimOne, newJob, succeed, worker } from "../support/jobs.js";
import { startCluster } from "../support/redis-topologies.js";

test("a run goes over zones on different primaries of a cluster, driven by two servers at once", async () => {
  const cluster = await startCluster(3);
  const now = (): number => Date.now();
  const store = await createRedisStore({
    calendar: createCalendar(),
    address: cluster.url,
    prefix: "pm",
    now,
    monotonic: () => performance.now(),
  });
  const services = ["a", "b"].flatMap((server) => {
    const parts = { store, clock: systemClock, logger: pino({ level: "silent" }) };
    const driver = createRunDriver({
      ...parts,
      server,
      makeJobs: async (run, targets) =>
        targets.map(({ index, record, job }) => ({
          ...newJob(now(), { id: job, zone: record.zone, endpoint: `10.0.0.${index}:22`, address: `10.0.0.${index}` }),
          idempotency: { scope: `run/${run.id}`, requestId: String(index), fingerprint: run.id },
          run: { id: run.id, index },
        })),
    });
    return [driver, createRunEnds(parts)];
  });
  try {
    // A zone on each third of the slots, which is a primary of its own.
    const zones = [0, 1, 2].map((third) => {
      let n = 0;
      while (Math.floor((slotOf(`{pm:z${n}}`) * 3) / 16_384) !== third) n++;
      return `z${n}`;
    });
    for (const zone of zones) await store.ensureZone(zone);
    for (const service of services) await service.start();
    const { run } = await store.runs.create({
      id: createRunId(now(), systemRandom),
      creator: "test",
      spec: new Uint8Array(),
      labels: {},
      rollout: {
        canary: 1,
        batchSize: 4,
        maxParallel: 3,
        laneLimits: [],
        grouped: false,
        pauseMs: 0,
        holdAfterCanary: false,
        maxFailures: 0,
        maxFailurePercent: 0,
        minSuccessPercent: 0,
        pauseOnFailure: false,
      },
      targets: Array.from({ length: 12 }, (_, i) => ({ name: `r${i}`, zone: zones[i % 3] ?? "" })),
    });
    const workers = zones.map((zone) => worker(`w-${zone}`, zone));
    for (const one of workers) await store.leases.register(one);
    const done: string[] = [];
    await eventually(async () => {
      for (const one of workers) {
        const holder = await claimOne(store, one);
        if (!holder) continue;
        done.push(holder.job);
        await succeed(store, holder);
      }
      expect((await store.runs.get(run.id))?.state).toBe("SUCCEEDED");
    }, 120_000);
    expect(new Set(done).size).toBe(12);
    expect(done).toHaveLength(12);
    const { jobs } = await store.jobs.list({ runs: [run.id] }, { limit: 100 });
    expect(jobs.map(({ run: place }) => place?.index).sort((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: 12 }, (_, i) => i),
    );
    expect(new Set(jobs.map(({ zone }) => zone))).toEqual(new Set(zones));
  } finally {
    for (const service of services) await service.stop();
    await store.close();
    await cluster.close();
  }
});
