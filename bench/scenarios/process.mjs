import { setTimeout as sleep } from "node:timers/promises";
import { createJobs } from "../lib/jobs.mjs";
import { createLedger } from "../lib/ledger.mjs";
import { fillUp, measureWindow } from "../lib/window.mjs";

const peers = ["pointsman", "bullmq"];
const kinds = [
  {
    name: "process-c1",
    title: "Claim + complete, 1 at a time, no-op",
    count: [1_500, 8_000],
    concurrency: 1,
    batch: 1,
  },
  {
    name: "process-c50",
    title: "Claim + complete, 50 at a time, claims of what is free, no-op",
    count: [6_000, 30_000],
    concurrency: 50,
    batch: 50,
    rounds: 4,
  },
  {
    name: "process-batch20",
    title: "Claim + complete, 50 at a time, claims of at most 20, no-op",
    count: [6_000, 30_000],
    concurrency: 50,
    batch: 20,
  },
  {
    name: "process-20ms",
    title: "Jobs of 20 ms, 200 at a time",
    count: [6_000, 20_000],
    concurrency: 200,
    batch: 50,
    workMs: 20,
  },
  {
    name: "process-changes",
    title:
      "What at most once costs: reads, changes with their intent, with intent and journal, and that without a gate, 50 at a time, no-op",
    count: [4_000, 20_000],
    concurrency: 50,
    batch: 50,
    sides: ["pointsman", "pointsman-changes", "pointsman-journal", "pointsman-no-gate"],
  },
];

/** How fast queued jobs are worked off, over 1,000 devices on our side. */
export const processScenarios = kinds.map(
  ({ name, title, count, concurrency, batch, workMs, rounds = 2, sides = peers }) => ({
    name,
    title,
    unit: "jobs/s",
    rounds,
    run: (bench) =>
      bench.inTurn(sides, async (which) => {
        const side = await bench.open(which);
        const ours = which !== "bullmq";
        const ledger = createLedger({ exclusive: ours, ordered: ours });
        const window = {
          concurrency,
          batch,
          warm: 500,
          count: bench.size(count),
          ...(workMs ? { work: () => sleep(workMs) } : {}),
        };
        const jobs = createJobs(window.warm + window.count + 4 * concurrency, 1_000);
        await fillUp(side, jobs);
        const numbers = await measureWindow(side, bench.server, ledger, window);
        await expectAll(side, ledger, jobs.length, window);
        await side.close();
        return { numbers, broken: ledger.broken() };
      }),
  }),
);

/** Nothing was lost, and what was said to have ended is recorded as that. */
export async function expectAll(side, ledger, accepted, { warm, count }) {
  const { all, done } = await side.counts();
  ledger.expect("jobs accepted", all, accepted);
  if (done < warm + count) ledger.note(`${warm + count} jobs ended, ${done} are recorded`);
}
