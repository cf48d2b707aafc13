import type { Random } from "../../src/domain/clock.js";
import type { JournalFiles } from "../../src/worker/journal-files.js";
import type { SimulatedProcess } from "./machine.js";

/** The disk of a node. What was appended and not yet synchronised is lost when the node loses its power. */
export interface SimulatedDisk {
  /** The disk as a process sees it. */
  of(process: SimulatedProcess): JournalFiles;
  losePower(): void;
}

interface File {
  text: string;
  /** How much of it would outlive a loss of power. */
  safe: number;
  changedMs: number;
}

export function createSimulatedDisk(random: Random): SimulatedDisk {
  const files = new Map<string, File>();
  return {
    of(process) {
      /** Carried out a little later, known to be a little later still: a kill may come in between. */
      const act = <T>(run: () => T): Promise<T> =>
        new Promise((resolve) => {
          process.deliver(0.1 + random.number(), () => {
            const result = run();
            process.deliver(0.1, () => resolve(result));
          });
        });
      const need = (path: string): File => {
        let file = files.get(path);
        if (!file) files.set(path, (file = { text: "", safe: 0, changedMs: process.clock.now() }));
        return file;
      };
      return {
        mkdir: () => Promise.resolve(),
        open: (path) =>
          act(() => {
            need(path);
            return {
              appendFile: (text) =>
                act(() => {
                  const file = need(path);
                  file.text += text;
                  file.changedMs = process.clock.now();
                }),
              datasync: () => act(() => void (need(path).safe = need(path).text.length)),
              isThere: () => Promise.resolve(true),
              close: () => Promise.resolve(),
            };
          }),
        readdir: (dir) => act(() => [...files.keys()].map((path) => path.slice(dir.length + 1))),
        readFile: (path) => act(() => need(path).text),
        changedMs: (path) => act(() => need(path).changedMs),
        unlink: (path) => act(() => void files.delete(path)),
      };
    },
    losePower() {
      for (const file of files.values()) {
        // Some of what was not synchronised may have reached the disk, and end in the middle of a line.
        const kept = Math.floor((file.text.length - file.safe) * random.number() * 1.3);
        file.text = file.text.slice(0, random.number() < 0.5 ? file.safe : file.safe + kept);
        file.safe = file.text.length;
      }
    },
  };
}
