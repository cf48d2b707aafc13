import { createJobs } from "../lib/jobs.mjs";
import { createLedger } from "../lib/ledger.mjs";
import { costPerJob } from "../lib/server.mjs";
import { fillUp, measureEnqueue } from "../lib/window.mjs";

const store = ["pointsman", "bullmq"];
const api = ["pointsman-api", "bullmq"];
const kinds = [
  { name: "enqueue-one-by-one", title: "Enqueue one by one", count: [2_000, 10_000], concurrency: 1 },
  { name: "enqueue-c50", title: "Enqueue, 50 at a time", count: [8_000, 40_000], concurrency: 50, rounds: 4 },
  {
    name: "enqueue-replicated",
    title: "What replicas cost: enqueue, 50 at a time, and each acknowledged by a replica",
    count: [4_000, 20_000],
    concurrency: 50,
    sides: ["pointsman", "pointsman-replicated"],
  },
  { name: "enqueue-bulk", title: "Enqueue in calls of 500", count: [10_000, 50_000], bulk: 500 },
  {
    name: "api-one-by-one",
    title: "Create through the API, one by one",
    count: [500, 2_000],
    concurrency: 1,
    sides: api,
  },
  {
    name: "api-c50",
    title: "Create through the API, 50 at a time",
    count: [2_000, 6_000],
    concurrency: 50,
    sides: api,
  },
  { name: "api-bulk", title: "Create through the API in calls of 500", count: [5_000, 10_000], bulk: 500, sides: api },
];

/** How fast jobs are accepted: by the store, and by the whole service, which checks, authenticates and encodes as well. */
export const enqueueScenarios = kinds.map(({ name, title, count, concurrency, bulk, rounds = 2, sides = store }) => ({
  name,
  title,
  unit: "jobs/s",
  rounds,
  run: (bench) =>
    bench.inTurn(sides, async (which) => {
      const side = await bench.open(which);
      const ledger = createLedger({});
      const jobs = createJobs(bench.size(count), 1_000);
      const numbers = bulk
        ? await inBulk(bench, side, jobs, bulk)
        : await measureEnqueue(side, bench.server, jobs, concurrency);
      ledger.expect("jobs accepted", (await side.counts()).all, jobs.length);
      await side.close();
      return { numbers, broken: ledger.broken() };
    }),
}));

async function inBulk({ server }, side, jobs, size) {
  const before = await server.snapshot();
  const begin = performance.now();
  await fillUp(side, jobs, size);
  const seconds = (performance.now() - begin) / 1_000;
  return { rate: jobs.length / seconds, ...costPerJob(before, await server.snapshot(), jobs.length) };
}
