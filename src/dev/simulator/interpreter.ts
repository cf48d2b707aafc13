import type { Source } from "./pager.js";

/** What a running command can do: the same on a terminal and in an exec request. */
export interface CommandIo {
  /** Prints, paged on a terminal. Undefined when it is done already. */
  show(source: Source): Promise<void> | undefined;
  /** Prints to the error channel; on a terminal like the rest. */
  error(text: string): void;
  ask(question: string, hidden: boolean): Promise<string | undefined>;
  askKey(question: string): Promise<string>;
  readonly signal: AbortSignal;
}

/** What runs the command lines of one session. */
export interface Interpreter {
  /** The mode for the journal. */
  mode(): string;
  prompt(): string;
  /** Runs one line; the exit status, which network devices leave at 0. */
  run(line: string, io: CommandIo): number | Promise<number>;
  /** Help for the line so far; absent where `?` is an ordinary character. */
  readonly help?: (line: string) => string;
  /** Ctrl-Z, or Ctrl-D on an empty line. */
  control(what: "end" | "exit"): void;
  /** Rows on a page that the session asked for; undefined leaves it to the client's terminal. */
  rows(): number | undefined;
}
