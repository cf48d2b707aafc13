import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { HealthStatus, WatchJobsRequestSchema } from "@pointsman/sdk/v1";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createHealthMonitor } from "../../src/api/health/health-monitor.js";
import { watchJobs } from "../../src/api/jobs/jobs-watch.js";
import { openFitStore } from "../../src/commands/assemble.js";
import { loadConfig } from "../../src/config.js";
import { createJobId } from "../../src/domain/job-id.js";
import { createRedisStore } from "../../src/store/redis-store.js";
import { slotCount, slotOf } from "../../src/store/slot.js";
import type { Store } from "../../src/store/store.js";
import { createCalendar } from "../../src/system/calendar.js";
import { systemClock } from "../../src/system/clock.js";
import { systemRandom } from "../../src/system/random.js";
import { eventually } from "../support/eventually.js";
import { claimOne, newJob, worker } from "../support/jobs.js";
import { type Guarded, startCluster } from "../support/redis-topologies.js";
import { startOurs } from "../support/system.js";

const primaries = 3;

/** Which primary has the keys of this tag. */
function primaryOf(tag: string): number {
  return Math.floor(slotOf(`{${tag}}`) / Math.ceil(slotCount / primaries));
}

const some = Array.from({ length: 50 }, (_, n) => `z${n}`);
const lost = "default";
const prefix = some.find((one) => primaryOf(`${one}:${lost}`) !== primaryOf(one))!;
const kept = some.find((zone) => primaryOf(`${prefix}:${zone}`) === primaryOf(prefix))!;

const jobIn = (zone: string, number: number) =>
  newJob(Date.now(), { zone, id: createJobId(Date.now(), number, systemRandom) });

const journals = mkdtempSync(join(tmpdir(), "pm-part-"));
let cluster: Guarded;
let store: Store;
/** A cluster of which one primary is gone, without a replica. What spans zones is not there. */
beforeAll(async () => {
  cluster = await startCluster(primaries);
  for (const { redis } of cluster.nodes) await redis.config("SET", "maxmemory", "256mb");
  const { now, monotonic } = systemClock;
  store = await createRedisStore({ address: cluster.url, prefix, calendar: createCalendar(), now, monotonic });
  for (const zone of [lost, kept]) await store.ensureZone(zone);
  await cluster.nodes[primaryOf(`${prefix}:${lost}`)]!.kill();
  await eventually(() => expect(store.condition.zone(lost)).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE" }));
});
afterAll(async () => {
  await store.close();
  await cluster.close();
  rmSync(journals, { recursive: true, force: true });
});

test("servers do their work for the other zones, and say so to whoever sends them calls", async () => {
  const calls = () => ({ calls: 0, faults: 0, meanMs: 0, longestMs: 0 });
  const monitor = createHealthMonitor({ store, clock: systemClock, version: "1.2.3", calls });
  await monitor.start();
  // A single look that a busy machine makes late counts for itself; the next one is a fresh one.
  await eventually(() => {
    const { status, components } = monitor.current();
    expect(components.find(({ name }) => name === "redis")).toMatchObject({
      status: HealthStatus.DEGRADED,
      message: "a part of it cannot be reached: its zones stand still",
    });
    expect(status).toBe(HealthStatus.DEGRADED);
  }).finally(() => monitor.stop());
});

test("jobs of the other zones can be followed", async () => {
  const request = create(WatchJobsRequestSchema, { filter: { zones: [kept] } });
  const watch = watchJobs({ store, clock: systemClock }, request, new AbortController().signal);
  expect((await watch.next()).value).toMatchObject({ item: { case: "synced" } });
  await watch.return(undefined);
});

test("processes that start then serve the other zones, and judge Redis by what is there", async () => {
  const env = { POINTSMAN_REDIS_URL: cluster.url, POINTSMAN_REDIS_PREFIX: prefix };
  await expect(openFitStore(loadConfig(undefined, env))).rejects.toThrow("appendonly is no");
  const late = await openFitStore(loadConfig(undefined, { ...env, POINTSMAN_ALLOW_RELAXED_DURABILITY: "true" }));
  const w1 = worker("w1", kept);
  await late.leases.register(w1);
  const { job } = await late.jobs.create(jobIn(kept, await late.ensureZone(kept)));
  expect((await claimOne(late, w1))?.job).toBe(job.id);
  await expect(late.ensureZone(lost)).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE" });
  await late.leases.retire(w1);
  await late.close();
});

test("a server and a worker of both zones come up then, and do the work of the other zone", async () => {
  const env = {
    ...{ POINTSMAN_REDIS_URL: cluster.url, POINTSMAN_REDIS_PREFIX: prefix, POINTSMAN_ALLOW_RELAXED_DURABILITY: "true" },
    ...{ POINTSMAN_SEALING_KEY: Buffer.alloc(32, 7).toString("base64"), POINTSMAN_PORT: "0" },
    ...{ POINTSMAN_ZONES: `${lost},${kept}`, POINTSMAN_DRAIN_SECONDS: "1" },
    POINTSMAN_JOURNAL_DIR: journals,
  };
  const ours = [startOurs(["server"], env), startOurs(["worker"], env)] as const;
  try {
    await ours[0].logged("server ready");
    await ours[1].logged("worker ready");
    const { job } = await store.jobs.create(jobIn(kept, await store.ensureZone(kept)));
    await eventually(async () => expect((await store.jobs.get(job.id))?.attempt).toBeGreaterThan(0), 60_000);
  } finally {
    await Promise.all(ours.map((one) => one.stop()));
  }
});
