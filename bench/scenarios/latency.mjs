import { createJob, createJobs } from "../lib/jobs.mjs";
import { createLedger } from "../lib/ledger.mjs";
import { percentile } from "../lib/statistics.mjs";
import { fillUp, measureWindow } from "../lib/window.mjs";

const devices = 1_000;
const shares = [0.1, 0.5, 0.8];

/** Enqueue, claim and complete at once, 50 at a time: what the whole can carry. */
async function capacity(bench, which) {
  const side = await bench.open(which);
  let seq = 500;
  await fillUp(side, createJobs(seq, devices));
  const again = () => side.enqueue(createJob(seq, seq++ % devices));
  const window = { concurrency: 50, batch: 50, warm: 500, count: bench.size([3_000, 10_000]), again };
  const { rate } = await measureWindow(side, bench.server, createLedger({}), window);
  await side.close();
  return rate;
}

/** Jobs arrive as they please (Poisson), whether or not we keep up; each is timed from when it should have been sent. */
async function openLoop(bench, which, perSecond) {
  const side = await bench.open(which);
  const ledger = createLedger({});
  const seconds = bench.size([2, 5]);
  const intended = [];
  for (let at = 0; at < seconds * 1_000; at += (-Math.log(1 - Math.random()) / perSecond) * 1_000) intended.push(at);
  const waited = new Array(intended.length);
  let begin = 0;
  let left = intended.length;
  const consumer = await side.consume({
    concurrency: 50,
    batch: 50,
    started(job) {
      waited[job.seq] = performance.now() - begin - intended[job.seq];
      ledger.started(job);
    },
    finished: ledger.finished,
  });
  await new Promise((resolve, reject) => {
    consumer.start(() => --left === 0 && resolve(), reject);
    begin = performance.now();
    let next = 0;
    const send = () => {
      const now = performance.now() - begin;
      for (; next < intended.length && intended[next] <= now; next++) {
        side.enqueue(createJob(next, next % devices)).catch(reject);
      }
      if (next < intended.length) setImmediate(send);
    };
    send();
  });
  await consumer.stop();
  ledger.expect("jobs accepted", (await side.counts()).all, intended.length);
  await side.close();
  // The first tenth warms up.
  const kept = waited.slice(Math.floor(waited.length / 10));
  return { p50: percentile(kept, 0.5), p99: percentile(kept, 0.99), broken: ledger.broken() };
}

/** From the intended send to the start, at parts of what the slower side can carry: both get the same arrivals. */
export const latencyScenarios = [
  {
    name: "latency",
    title: "Arrival to start, in ms, at parts of the slower side's capacity",
    unit: "ms at p50, 50 % load",
    main: "p50 at 50 %",
    lowerIsBetter: true,
    async run(bench) {
      const rates = [];
      for (const which of ["pointsman", "bullmq"]) rates.push(await capacity(bench, which));
      const most = Math.min(...rates);
      const results = await bench.inTurn(["pointsman", "bullmq"], async (which) => {
        const numbers = {};
        const broken = [];
        for (const share of shares) {
          const { p50, p99, broken: some } = await openLoop(bench, which, most * share);
          numbers[`p50 at ${share * 100} %`] = p50;
          numbers[`p99 at ${share * 100} %`] = p99;
          broken.push(...some);
        }
        return {
          numbers,
          broken,
          remarks: [
            `100 % is ${Math.round(most)} jobs/s (pointsman carried ${Math.round(rates[0])}, bullmq ${Math.round(rates[1])})`,
          ],
        };
      });
      return results;
    },
  },
];
