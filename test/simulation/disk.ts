import type { Random } from "../../src/domain/clock.js";
import type { JournalEntry, Journals } from "../../src/worker/journal.js";
import type { SimulatedProcess } from "./machine.js";

/** The disk of a node: what its processes wrote down, and what of it would outlive them. */
export interface SimulatedDisk {
  /** The journals there, as a process sees them. */
  journals(process: SimulatedProcess): Journals;
}

export function createSimulatedDisk(random: Random): SimulatedDisk {
  const kept = new Map<string, { readonly writer: SimulatedProcess; readonly entries: JournalEntry[] }>();
  return {
    journals: (process) => ({
      open(worker) {
        const entries: JournalEntry[] = [];
        kept.set(worker, { writer: process, entries });
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
      read: () =>
        new Promise((resolve) => {
          process.deliver(0.5, () => {
            const gone = [...kept].filter(([, { writer }]) => writer !== process).map(([worker]) => worker);
            resolve({ entries: [...kept.values()].flatMap(({ entries }) => entries), gone });
          });
        }),
    }),
  };
}
