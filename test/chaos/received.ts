import type { JournalEntry } from "../../src/dev/simulator/journal.js";
import { lineOf } from "./fleet.js";
import type { Received, ReceivedLine } from "./ledger.js";

/** Reads the devices' journal as it grows. */
export interface Reader extends Received {
  /** Takes more of the journal, entry by entry. */
  take(entry: JournalEntry): void;
  /** Effective lines of one job so far. */
  linesOf(key: string): number;
}

/**
 * Finds our jobs' lines in a journal. Where there is a candidate, a line takes effect with its session's `commit`, and
 * with it alone; everywhere else when it is received.
 */
export function createReader(): Reader {
  const effective: ReceivedLine[] = [];
  const reads = new Map<string, number>();
  const counts = new Map<string, number>();
  const candidates = new Map<string, ReceivedLine[]>();

  function takeEffect(lines: readonly ReceivedLine[]): void {
    for (const line of lines) {
      effective.push(line);
      counts.set(line.key, (counts.get(line.key) ?? 0) + 1);
    }
  }

  return {
    effective,
    reads,
    linesOf: (key) => counts.get(key) ?? 0,
    take({ kind, device, session, line }) {
      if (kind !== "command") return;
      const text = line.trim();
      const [, read] = /^show job (\S+)$/.exec(text) ?? [];
      if (read !== undefined) reads.set(read, (reads.get(read) ?? 0) + 1);
      if (text.startsWith("configure session ")) candidates.set(session, []);
      if (text === "abort") candidates.delete(session);
      if (text === "commit") {
        takeEffect(candidates.get(session) ?? []);
        candidates.delete(session);
      }
      const ours = lineOf(text);
      if (ours === undefined) return;
      const received = { device, session, ...ours };
      const candidate = candidates.get(session);
      if (candidate) candidate.push(received);
      else takeEffect([received]);
    },
  };
}
