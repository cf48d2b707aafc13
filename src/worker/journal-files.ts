import { mkdir, open, readdir, readFile, rmdir, stat, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";

/** The disk as journals use it. A simulation hands in one of its own. */
export interface JournalFiles {
  /** Makes a directory, for its owner alone, unless it is there. */
  mkdir(dir: string): Promise<void>;
  /** Opens a file for appending, for its owner alone. */
  open(path: string): Promise<{
    appendFile(text: string): Promise<void>;
    /** Resolves when all that was appended would outlive a loss of power. */
    datasync(): Promise<void>;
    /** Whether it can still be found: one that was removed takes what is written, and nobody reads it. */
    isThere(): Promise<boolean>;
    close(): Promise<void>;
  }>;
  /** Rejects with the code ENOENT when there is no such directory. */
  readdir(dir: string): Promise<readonly string[]>;
  readFile(path: string): Promise<string>;
  /** When the file was last written, in epoch milliseconds. */
  changedMs(path: string): Promise<number>;
  unlink(path: string): Promise<void>;
}

/** The machine's own disk. */
export const nodeFiles: JournalFiles = {
  mkdir: async (dir) => void (await makeFolder(dir)),
  open: async (path) => {
    const file = await open(path, "a", 0o600);
    return {
      appendFile: (text) => file.appendFile(text),
      datasync: () => file.datasync(),
      isThere: async () => (await file.stat()).nlink > 0,
      close: () => file.close(),
    };
  },
  readdir,
  readFile: (path) => readFile(path, "utf8"),
  changedMs: async (path) => (await stat(path)).mtimeMs,
  unlink,
};

/**
 * Makes a folder and those above it that are missing, and gives those that it made, outermost first. Node's own way of
 * doing so never ends where a folder is there that takes none, such as /proc.
 */
async function makeFolder(dir: string): Promise<readonly string[]> {
  if (await isFolder(dir)) return [];
  const above = dirname(dir);
  const made = above === dir ? [] : await makeFolder(above);
  try {
    await mkdir(dir, { mode: 0o700 });
  } catch (error) {
    // Another worker may have been faster.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST" || !(await isFolder(dir))) throw error;
    return made;
  }
  return [...made, dir];
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** Rejects with what keeps this process from writing a journal into a folder. Leaves nothing behind. */
export async function tryFolder(dir: string): Promise<void> {
  const made = await makeFolder(dir);
  try {
    const path = join(dir, `.check-${process.pid}`);
    await (await open(path, "wx", 0o600)).close();
    await unlink(path);
  } finally {
    for (const one of made.toReversed()) await rmdir(one).catch(() => undefined);
  }
}
