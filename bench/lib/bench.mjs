import { openBullmq, openBullmqPerDevice } from "../sides/bullmq.mjs";
import { openPointsman } from "../sides/pointsman.mjs";
import { createJobs } from "./jobs.mjs";
import { createLedger } from "./ledger.mjs";
import { inTurn } from "./rounds.mjs";
import { costPerJob } from "./server.mjs";
import { fillUp, measureWindow } from "./window.mjs";

const openers = {
  pointsman: openPointsman,
  bullmq: openBullmq,
  "bullmq-lock": (parts) => openBullmq(parts, { lock: true }),
  "bullmq-queue-per-device": openBullmqPerDevice,
};

/** What a scenario works with: its server, its sizes, and the sides, each opened on an empty Redis. */
export function createBench({ server, dist, quick }) {
  return {
    server,
    cost: costPerJob,
    /** The first of the two in a quick run, else the second. */
    size: ([small, large]) => (quick ? small : large),
    async open(side, options) {
      await server.fresh();
      return openers[side]({ server, dist }, options);
    },
    /** The bench as one scenario sees it: two rounds in a quick run, else four, or what it asks for. */
    for(scenario) {
      const rounds = scenario.rounds ?? (quick ? 2 : scenario.full ? 2 : 4);
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
