import { setTimeout as sleep } from "node:timers/promises";
import { createJobs } from "../lib/jobs.mjs";
import { createLedger } from "../lib/ledger.mjs";
import { fillUp, measureWindow } from "../lib/window.mjs";
import { expectAll } from "./process.mjs";

const kinds = [
  { devices: 1_000, perDevice: 5, sides: ["pointsman", "bullmq-queue-per-device", "bullmq-lock"] },
  { devices: 10_000, perDevice: 5, sides: ["pointsman", "bullmq-lock"] },
  { devices: 100_000, perDevice: 2, sides: ["pointsman", "bullmq-lock"], full: true },
];

/**
 * One job at a time per device, which BullMQ has no word for: its honest rivals are a queue per device (to 1,000) and a
 * lock with retry. A device's jobs come in a row, as a change window brings them; each takes 5 ms.
 */
export const deviceScenarios = kinds.map(({ devices, perDevice, sides, full }) => ({
  name: `devices-${devices / 1_000}k`,
  title: `One at a time per device, ${devices.toLocaleString("en")} devices × ${perDevice} jobs of 5 ms, 200 at a time`,
  unit: "jobs/s",
  full,
  run: (bench) =>
    bench.inTurn(sides, async (which) => {
      const side = await bench.open(which, { devices });
      const ledger = createLedger({ exclusive: true, ordered: which !== "bullmq-lock" });
      const jobs = createJobs(devices * perDevice, devices, { inRow: perDevice });
      await fillUp(side, jobs);
      const count = Math.min(bench.size([3_000, 20_000]), jobs.length - 1_500);
      const window = { concurrency: 200, batch: 50, warm: 500, count, work: () => sleep(5) };
      const measured = await measureWindow(side, bench.server, ledger, window);
      const numbers = { ...measured, ...side.numbers?.() };
      await expectAll(side, ledger, jobs.length, window);
      const remarks = side.remarks?.() ?? [];
      if (ledger.inversions() > 0) remarks.push("order per device not kept");
      await side.close();
      return { numbers, broken: ledger.broken(), remarks };
    }),
}));
