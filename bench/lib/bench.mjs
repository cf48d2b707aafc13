import { openBullmq, openBullmqPerDevice } from "../sides/bullmq.mjs";
import { openPointsman } from "../sides/pointsman.mjs";
import { openPointsmanApi } from "../sides/pointsman-api.mjs";
import { createJobs } from "./jobs.mjs";
import { createLedger } from "./ledger.mjs";
import { inTurn } from "./rounds.mjs";
import { costPerJob } from "./server.mjs";
import { fillUp, measureWindow } from "./window.mjs";

const openers = {
  pointsman: openPointsman,
  "pointsman-changes": (parts) => openPointsman(parts, { changes: true }),
  "pointsman-journal": (parts) => openPointsman(parts, { changes: true, journal: true }),
  "pointsman-no-gate": (parts) => openPointsman(parts, { changes: true, journal: true, gate: false }),
  "pointsman-replicated": (parts) => openPointsman(parts, { replicated: true }),
  "pointsman-api": openPointsmanApi,
  bullmq: openBullmq,
  "bullmq-lock": (parts) => openBullmq(parts, { lock: true }),
  "bullmq-queue-per-device": openBullmqPerDevice,
};

/** What a scenario works with: its server, its sizes, and the sides, each opened on an empty Redis. */
export function createBench({ server, dist, distDir, sdk, quick }) {
  return {
    server,
    dist,
    distDir,
    sdk,
    cost: costPerJob,
    /** The first of the two in a quick run, else the second. */
    size: ([small, large]) => (quick ? small : large),
    async open(side, options) {
      await server.fresh();
      return openers[side]({ server, dist, distDir, sdk }, options);
    },
    /** The bench as one scenario sees it: two rounds, A–B–B–A, or what it asks for; never more in a quick run. */
    for(scenario) {
      const asked = scenario.rounds ?? 2;
      const rounds = quick ? Math.min(2, asked) : asked;
      return { ...this, inTurn: (sides, measure) => inTurn(sides, rounds, measure) };
    },
    /** Lets the engine compile both sides' hot paths before anything counts. */
    async warmUp() {
      for (const side of ["pointsman", "bullmq"]) {
        const opened = await this.open(side);
        await fillUp(opened, createJobs(3_000, 500));
        await measureWindow(opened, server, createLedger({}), { concurrency: 50, batch: 50, warm: 1, count: 2_900 });
        await opened.close();
      }
    },
  };
}
