import type { Readable, Writable } from "node:stream";

/** The terminal side of a command: what it reads, writes and leaves behind. Handed in, so that tests run the real commands. */
export interface CliIo {
  readonly stdin: Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The wall clock, for "an hour ago". */
  now(): Date;
  /** Sets the status that the process will end with when nothing is left to do. */
  setStatus(status: number): void;
  /** Ends the process at once. */
  leave(status: number): void;
  /** Calls `handler` on Ctrl-C and on a request to end, in place of dying; the returned function takes it away. */
  onInterrupt(handler: () => void): () => void;
}

/** The process's own terminal. */
export const processIo: CliIo = {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  now: () => new Date(),
  setStatus: (status) => {
    process.exitCode = status;
  },
  leave: (status) => process.exit(status),
  onInterrupt: (handler) => {
    process.on("SIGINT", handler);
    process.on("SIGTERM", handler);
    return () => {
      process.off("SIGINT", handler);
      process.off("SIGTERM", handler);
    };
  },
};
