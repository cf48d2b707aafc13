import { createJobs } from "../lib/jobs.mjs";
import { createLedger } from "../lib/ledger.mjs";
import { findRq, runRq } from "../sides/rq.mjs";
import { fillUp, measureEnqueue, measureWindow } from "../lib/window.mjs";

/** RQ, the engine of the systems we follow: its forking worker, its in-process one, and ours in the same turns. */
export const rqScenarios = [
  {
    name: "rq",
    title: "RQ: finished no-ops (forking and in-process worker), against ours 50 at a time",
    unit: "finished jobs/s",
    async run(bench) {
      const rq = await findRq();
      if (!rq) return undefined;
      return bench.inTurn(["pointsman", "rq-fork", "rq-simple"], async (which) => {
        if (which === "pointsman") return ours(bench);
        await bench.server.fresh();
        const jobs = which === "rq-fork" ? bench.size([60, 300]) : bench.size([600, 3_000]);
        const { rate, enqueue, finished } = await runRq(rq, bench.server, which.slice(3), jobs);
        const broken = finished === jobs ? [] : [`${finished} of ${jobs} jobs finished`];
        return { numbers: { rate, enqueue }, broken, remarks: [`RQ ${rq.version}, enqueues one by one`] };
      });
    },
  },
];

async function ours(bench) {
  const side = await bench.open("pointsman");
  const ledger = createLedger({ exclusive: true, ordered: true });
  const count = bench.size([6_000, 30_000]);
  const { rate: enqueue } = await measureEnqueue(side, bench.server, createJobs(count, 1_000), 50);
  await fillUp(side, createJobs(700, 1_000, { from: count }));
  const { rate } = await measureWindow(side, bench.server, ledger, { concurrency: 50, batch: 50, warm: 500, count });
  ledger.expect("jobs accepted", (await side.counts()).all, count + 700);
  await side.close();
  return { numbers: { rate, enqueue }, broken: ledger.broken() };
}
