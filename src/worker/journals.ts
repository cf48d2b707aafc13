import { join } from "node:path";
import { type JournalFiles, nodeFiles } from "./journal-files.js";
import { type IntentEntry, type Journal, type JournalEntry, type Journals, openJournal } from "./journal.js";

/** Journals are kept this long after their last entry. */
export const journalKeptMs = 7 * 86_400_000;
/** Clocks of workers and Redis may differ, or jump, by this much. */
const clocksDifferMs = 2 * 3_600_000;
const ending = ".journal";

/** What reading journals needs to know of the machine. */
export interface JournalsOptions {
  readonly dir: string;
  readonly hostname: string;
  readonly pid: number;
  readonly now: () => number;
  /** Whether a process with this number runs on this machine. */
  readonly isAlive: (pid: number) => boolean;
  /** Default: the machine's own disk. */
  readonly disk?: JournalFiles;
}

/** A journal in reach cannot be read, and it may know of changes: until it can, its zones take none. */
export class UnreadableJournalError extends Error {
  override readonly name = "UnreadableJournalError";

  constructor(path: string, cause: unknown) {
    const { code = "unknown cause" } = cause as NodeJS.ErrnoException;
    const remedy = "make it readable for the worker, or move it away if it is no worker's journal";
    super(`${path} among the journals cannot be read (${code}), and may know of changes that were sent: ${remedy}`, {
      cause,
    });
  }
}

/** No journal can be kept in the folder that is meant for them. */
export class JournalFolderError extends Error {
  override readonly name = "JournalFolderError";

  constructor(dir: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(`worker.journal_dir: nothing can be written into the folder ${dir} (${why})`, { cause });
  }
}

/** The journals in a directory. Those of processes that ended long ago are removed when one is opened. */
export function createJournals({ dir, hostname, pid, now, isAlive, disk = nodeFiles }: JournalsOptions): Journals {
  const own = new Set<string>();

  async function files(): Promise<readonly { worker: string; path: string; changedMs: number }[]> {
    const names = await disk.readdir(dir).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw new UnreadableJournalError(dir, error);
    });
    const found = names.filter((name) => name.endsWith(ending));
    return Promise.all(
      found.map(async (name) => {
        const path = join(dir, name);
        const changedMs = await readable(path, disk.changedMs(path));
        return { worker: name.slice(0, -ending.length), path, changedMs };
      }),
    );
  }

  async function writable<T>(write: Promise<T>): Promise<T> {
    try {
      return await write;
    } catch (error) {
      throw new JournalFolderError(dir, error);
    }
  }

  /** A worker's name tells its machine and its process: "<hostname>-<pid>-<random>". */
  function isGone(worker: string): boolean {
    const [, host, process] = /^(.*)-(\d+)-[0-9a-f]+$/.exec(worker) ?? [];
    if (own.has(worker) || host !== hostname) return false;
    return Number(process) === pid || !isAlive(Number(process));
  }

  return {
    async open(worker): Promise<Journal> {
      own.add(worker);
      await writable(disk.mkdir(dir));
      for (const { worker: its, path, changedMs } of await files()) {
        if (isGone(its) && changedMs < now() - journalKeptMs) await disk.unlink(path);
      }
      const journal = await writable(openJournal(dir, worker, disk));
      return {
        ...journal,
        // A life that is over is no more, also while its process goes on in another.
        async close() {
          await journal.close();
          own.delete(worker);
        },
      };
    },
    async read(sinceMs) {
      const entries: JournalEntry[] = [];
      const gone: string[] = [];
      for (const { worker, path, changedMs } of await files()) {
        if (isGone(worker)) gone.push(worker);
        if (changedMs < sinceMs - clocksDifferMs) continue;
        for (const line of (await readable(path, disk.readFile(path))).split("\n")) {
          const entry = entryOf(line);
          if (entry && entry.timeMs >= sinceMs - clocksDifferMs) entries.push(entry);
        }
      }
      return { entries, gone };
    },
  };
}

/** Not every error of the disk names the file. */
async function readable<T>(path: string, read: Promise<T>): Promise<T> {
  try {
    return await read;
  } catch (error) {
    throw new UnreadableJournalError(path, error);
  }
}

/** A line; undefined when it is empty, or was cut off by a crash: then nothing was sent under it. */
function entryOf(line: string): JournalEntry | undefined {
  if (line === "") return undefined;
  try {
    const entry = JSON.parse(line) as JournalEntry;
    if (entry.kind !== "intent") return entry;
    const spec = Buffer.from(entry.job.spec as unknown as string, "base64");
    return { ...entry, job: { ...entry.job, spec } } satisfies IntentEntry;
  } catch {
    return undefined;
  }
}
