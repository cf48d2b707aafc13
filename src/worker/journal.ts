import { join } from "node:path";
import type { AttemptEnd, FactJob, KnownRequest, Newcomer } from "../store/store.js";
import { type JournalFiles, nodeFiles } from "./journal-files.js";

/** A change passed its point of no return. */
export interface IntentEntry {
  readonly kind: "intent";
  /** The worker's own clock, for people and for leaving out what is old. */
  readonly timeMs: number;
  readonly worker: string;
  readonly fence: string;
  readonly step: number;
  /** Under what the store knows the requests that created it. */
  readonly requests: readonly KnownRequest[];
  readonly job: FactJob;
}

/** How it ended. RETRY and REQUEUE: nothing was sent. */
export interface DoneEntry extends Pick<AttemptEnd, "verdict" | "error" | "effect" | "intendedStep" | "confirmedStep"> {
  readonly kind: "done";
  readonly timeMs: number;
  readonly job: string;
  readonly fence: string;
}

/** Another worker came to a zone: whoever reads this knows of a journal that is to be heard as well. */
export interface NewcomerEntry extends Newcomer {
  readonly kind: "newcomer";
  readonly timeMs: number;
  readonly zone: string;
}

/** What a worker writes down on its own disk about work that must not be done twice. */
export type JournalEntry = IntentEntry | DoneEntry | NewcomerEntry;

/** Kept beside Redis, because Redis may come back without its last second. */
export interface Journal {
  /** Resolves when the entry is on disk. */
  write(entry: JournalEntry): Promise<void>;
  close(): Promise<void>;
}

/** What must be on disk before anything is sent could not be written, so nothing was sent. */
export class JournalError extends Error {
  override readonly name = "JournalError";
  readonly reason = "JOURNAL_UNAVAILABLE";

  constructor(cause: unknown) {
    const { code = "unknown cause" } = cause as NodeJS.ErrnoException;
    super(`the worker cannot write its journal (${code}), and changes nothing without it`, { cause });
  }
}

/** The journals in one place: of this process, of those before it, of others beside it. */
export interface Journals {
  /** Opens the journal of a worker of this name. */
  open(worker: string): Promise<Journal>;
  /** Everything that may have been written since `sinceMs`, by whomever, and which of the writers are no more. */
  read(sinceMs: number): Promise<{ readonly entries: readonly JournalEntry[]; readonly gone: readonly string[] }>;
}

/** The file of a worker's journal. */
export function journalFile(dir: string, worker: string): string {
  return join(dir, `${worker}.journal`);
}

/**
 * Opens a journal of JSON lines in `dir`, one file a worker. Entries that are written while the disk is busy reach it
 * together, with one synchronisation. Files hold what jobs hold, so they are their owner's alone.
 */
export async function openJournal(dir: string, worker: string, files: JournalFiles = nodeFiles): Promise<Journal> {
  const begin = async () => {
    await files.mkdir(dir);
    return files.open(journalFile(dir, worker));
  };
  let file = await begin();
  let waiting: { line: string; done: () => void; failed: (error: unknown) => void }[] = [];
  let writing: Promise<void> | undefined;
  /** A disk that was full may have taken the beginning of an entry: what follows on the same line could not be read. */
  let cutOff = false;

  async function put(lines: string): Promise<void> {
    await file.appendFile((cutOff ? "\n" : "") + lines);
    await file.datasync();
    cutOff = false;
  }

  async function drain(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      try {
        const lines = batch.map(({ line }) => line).join("");
        await put(lines);
        if (!(await file.isThere())) {
          // Somebody removed the file, or its folder: what is written from here on is to be found again.
          const removed = file;
          file = await begin();
          await removed.close();
          await put(lines);
        }
        for (const { done } of batch) done();
      } catch (error) {
        cutOff = true;
        for (const { failed } of batch) failed(error);
      }
    }
    writing = undefined;
  }

  return {
    write: (entry) =>
      new Promise((done, failed) => {
        waiting.push({ line: `${JSON.stringify(entry, bytesAsText)}\n`, done, failed });
        writing ??= drain();
      }),
    async close() {
      await writing;
      await file.close();
    },
  };
}

/** Writes the encoded spec as base64. A Buffer would come as the list of its bytes. */
function bytesAsText(this: Readonly<Record<string, unknown>>, name: string, value: unknown): unknown {
  const original = this[name];
  return original instanceof Uint8Array ? Buffer.from(original).toString("base64") : value;
}
