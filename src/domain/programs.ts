/** A stream that can be held back for a while. */
export interface Holdable {
  pause(): void;
  resume(): void;
}

/** A program to run. */
export interface Program {
  /** The program, by name or absolute path, and its arguments. */
  readonly argv: readonly string[];
  /** The whole of its environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly directory: string;
  readonly onOutput: (stream: "stdout" | "stderr", bytes: Uint8Array, source: Holdable) => void;
}

/** A program that runs. */
export interface RunningProgram {
  /**
   * Resolves when it and everything it started has ended, or closed what it prints to. Rejects when it could not be
   * started: then nothing has run.
   */
  readonly ended: Promise<{ readonly exitStatus?: number; readonly signal?: string }>;
  /** Sends a signal to it and all its children. */
  kill(signal: "SIGTERM" | "SIGKILL"): void;
}

/** Runs programs of a machine. */
export interface ProgramRunner {
  run(program: Program): RunningProgram;
}
