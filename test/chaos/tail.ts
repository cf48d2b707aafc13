import { closeSync, openSync, readSync } from "node:fs";
import type { JournalEntry } from "../../src/dev/simulator/journal.js";

/** Reads what has come to a file of JSON lines since the last time. */
export function tail(path: string, take: (entry: JournalEntry) => void): { read(): void; close(): void } {
  const file = openSync(path, "r");
  const buffer = Buffer.alloc(256 * 1024);
  let rest = "";
  return {
    read() {
      for (let bytes = readSync(file, buffer); bytes > 0; bytes = readSync(file, buffer)) {
        const lines = (rest + buffer.toString("latin1", 0, bytes)).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) take(JSON.parse(line) as JournalEntry);
      }
    },
    close: () => closeSync(file),
  };
}
