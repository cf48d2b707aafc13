import { mkdir, open, readdir, readFile, stat, unlink } from "node:fs/promises";

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
  mkdir: async (dir) => void (await mkdir(dir, { recursive: true, mode: 0o700 })),
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
