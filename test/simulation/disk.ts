import type { Random } from "../../src/domain/clock.js";
import type { Journal, JournalEntry } from "../../src/worker/journal.js";
import type { SimulatedProcess } from "./machine.js";

/** The disk of a node: what its processes wrote down, and what of it would outlive them. */
export interface SimulatedDisk {
  openJournal(process: SimulatedProcess, worker: string): Promise<Journal>;
}

export function createSimulatedDisk(random: Random): SimulatedDisk {
  const kept = new Map<string, JournalEntry[]>();
  return {
    openJournal(process, worker) {
      const entries = kept.get(worker) ?? [];
      kept.set(worker, entries);
      return Promise.resolve({
        write: (entry) =>
          new Promise((resolve) => {
            // On disk first, known to be there a little later: a kill may come in between.
            process.deliver(0.2 + random.number(), () => {
              entries.push(entry);
              process.deliver(0.1, resolve);
            });
          }),
        close: () => Promise.resolve(),
      });
    },
  };
}
