import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";

/** What a worker writes down on its own disk about work that must not be done twice. */
export interface JournalEntry {
  readonly kind: "intent" | "done";
  readonly timeMs: number;
  readonly zone: string;
  readonly job: string;
  readonly endpoint: string;
  readonly fence: string;
  /** How it ended, for "done". */
  readonly verdict?: string;
}

/** Kept beside Redis, because Redis may come back without its last second. */
export interface Journal {
  /** Resolves when the entry is on disk. */
  write(entry: JournalEntry): Promise<void>;
  close(): Promise<void>;
}

/**
 * A journal of JSON lines in `dir`, one file a worker. Entries that are written while the disk is busy reach it
 * together, with one synchronisation.
 */
export async function openJournal(dir: string, worker: string): Promise<Journal> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const file = await open(join(dir, `${worker}.journal`), "a", 0o600);
  let waiting: { line: string; done: () => void; failed: (error: unknown) => void }[] = [];
  let writing: Promise<void> | undefined;

  async function drain(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      try {
        await file.appendFile(batch.map(({ line }) => line).join(""));
        await file.datasync();
        for (const { done } of batch) done();
      } catch (error) {
        for (const { failed } of batch) failed(error);
      }
    }
    writing = undefined;
  }

  return {
    write: (entry) =>
      new Promise((done, failed) => {
        waiting.push({ line: `${JSON.stringify(entry)}\n`, done, failed });
        writing ??= drain();
      }),
    async close() {
      await writing;
      await file.close();
    },
  };
}
