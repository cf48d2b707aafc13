import { createJobs } from "../lib/jobs.mjs";
import { createLedger } from "../lib/ledger.mjs";
import { fillUp, measureWindow } from "../lib/window.mjs";

/** What a job costs in Redis while it waits and after it has ended, all of it: indexes, events, request id, feed. */
export const memoryScenarios = [
  {
    name: "memory",
    title: "Memory per waiting and per finished job, 1,000 devices, everything kept",
    unit: "bytes per waiting job",
    main: "waiting",
    lowerIsBetter: true,
    rounds: 1,
    run: (bench) =>
      bench.inTurn(["pointsman", "bullmq"], async (which) => {
        const side = await bench.open(which);
        const count = bench.size([10_000, 50_000]);
        const empty = await bench.server.memory();
        await fillUp(side, createJobs(count, 1_000));
        const waiting = ((await bench.server.memory()) - empty) / count;
        const ledger = createLedger({});
        await measureWindow(side, bench.server, ledger, { concurrency: 50, batch: 50, warm: 1, count: count - 1 });
        const finished = ((await bench.server.memory()) - empty) / count;
        ledger.expect("jobs ended", (await side.counts()).done, count);
        await side.close();
        return { numbers: { waiting, finished }, broken: ledger.broken() };
      }),
  },
];
