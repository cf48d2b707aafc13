import { Histogram, type Registry } from "prom-client";
import type { Journals } from "../worker/journal.js";
import { fastSeconds } from "./buckets.js";
import { metricPrefix } from "./registry.js";

/** Measures how long an entry of the journal takes to reach the disk: every change waits for one. */
export function measureJournals(journals: Journals, registry: Registry): Journals {
  const durations = new Histogram({
    name: `${metricPrefix}journal_write_seconds`,
    help: "How long entries of the journal took to reach the disk.",
    buckets: fastSeconds,
    registers: [registry],
  });
  return {
    ...journals,
    async open(worker) {
      const journal = await journals.open(worker);
      return {
        ...journal,
        async write(entry) {
          const end = durations.startTimer();
          await journal.write(entry);
          end();
        },
      };
    },
  };
}
