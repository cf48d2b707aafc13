import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import type { Clock } from "../../domain/clock.js";

/** What a journal entry is about. */
export type JournalKind = "connect" | "auth" | "open" | "command" | "answer" | "interrupt" | "close" | "disconnect";

/** One thing that happened to a simulated device. */
export interface JournalEntry {
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** Device name. */
  readonly device: string;
  /** Session, `<device>#<number>`; one per SSH connection. */
  readonly session: string;
  readonly kind: JournalKind;
  /** Mode of the command line at that moment (`enable`, `config-if`, `shell`, `exec-request`); empty outside of one. */
  readonly mode: string;
  /**
   * `command`: the line as it was received. `answer`: what was typed at a question, empty for a hidden one.
   * `auth`: method and outcome (`password accepted`), never a secret. `connect`: the peer. Else what it concerns.
   */
  readonly line: string;
}

/** Where entries go. Appending is synchronous: an entry is written before the device answers. */
export interface Journal {
  append(device: string, session: string, kind: JournalKind, mode: string, line: string): void;
  /** Entries kept in memory, oldest first: at most the last {@link MEMORY_LIMIT}. */
  entries(): readonly JournalEntry[];
  /** The first entry (of those in memory, else to come) that satisfies `wanted`. Rejects when `signal` aborts. */
  find(wanted: (entry: JournalEntry) => boolean, signal?: AbortSignal): Promise<JournalEntry>;
  close(): void;
}

/** Entries that a journal holds in memory. A journal in a file is complete. */
export const MEMORY_LIMIT = 100_000;

/** A journal in memory, and also in the file (JSON lines, appended) or function that is given. */
export function createJournal(clock: Clock, also?: string | ((entry: JournalEntry) => void)): Journal {
  const file = typeof also === "string" ? openSync(also, "a", 0o600) : undefined;
  let kept: JournalEntry[] = [];
  let closed = false;
  const waiting = new Set<(entry: JournalEntry) => void>();
  return {
    append(device, session, kind, mode, line) {
      const entry: JournalEntry = { time: clock.now(), device, session, kind, mode, line };
      if (file !== undefined && !closed) writeSync(file, `${JSON.stringify(entry)}\n`);
      if (typeof also === "function") also(entry);
      kept.push(entry);
      if (kept.length >= 2 * MEMORY_LIMIT) kept = kept.slice(-MEMORY_LIMIT);
      if (waiting.size > 0) for (const look of [...waiting]) look(entry);
    },
    entries: () => (kept.length > MEMORY_LIMIT ? kept.slice(-MEMORY_LIMIT) : kept),
    find(wanted, signal) {
      const known = kept.find(wanted);
      if (known) return Promise.resolve(known);
      return new Promise((resolve, reject) => {
        const stop = (): void => {
          waiting.delete(look);
          reject(signal?.reason as Error);
        };
        const look = (entry: JournalEntry): void => {
          if (!wanted(entry)) return;
          waiting.delete(look);
          signal?.removeEventListener("abort", stop);
          resolve(entry);
        };
        waiting.add(look);
        if (signal?.aborted) stop();
        else signal?.addEventListener("abort", stop, { once: true });
      });
    },
    close() {
      if (file !== undefined && !closed) closeSync(file);
      closed = true;
    },
  };
}

/** Reads a journal file back, oldest first. A last line cut short by a crash is left out. */
export function readJournal(path: string): JournalEntry[] {
  const lines = readFileSync(path, "utf8").split("\n");
  lines.pop();
  return lines.map((line) => JSON.parse(line) as JournalEntry);
}
