import type { Writable } from "node:stream";
import type { CliIo } from "./io.js";

/** What a command writes. Every write waits until the stream has taken it, so that a slow pipe slows the command. */
export interface Output {
  /** Whether the caller asked for JSON. */
  readonly json: boolean;
  /** Whether a person reads the answer; otherwise what a device printed is written byte for byte. */
  readonly isTerminal: boolean;
  /** A line of the answer. */
  line(text: string): Promise<void>;
  /** A device's output, as it is; without control characters when a person reads it. */
  raw(text: string): Promise<void>;
  /** A remark, on standard error. */
  note(text: string): Promise<void>;
  /** The whole answer as one JSON document. */
  document(value: unknown): Promise<void>;
  /** One of many answers, as a JSON line. */
  record(value: unknown): Promise<void>;
}

/** Writes to the given terminal. */
export function createOutput(io: Pick<CliIo, "stdout" | "stderr">, json: boolean): Output {
  const toAnswer = (text: string): Promise<void> => write(io.stdout, io.stdout.isTTY ? withoutControls(text) : text);
  return {
    json,
    isTerminal: io.stdout.isTTY === true,
    line: (text) => toAnswer(`${text}\n`),
    raw: toAnswer,
    note: (text) => write(io.stderr, `${io.stderr.isTTY ? withoutControls(text) : text}\n`),
    document: (value) => write(io.stdout, `${escaped(JSON.stringify(value, null, 2))}\n`),
    record: (value) => write(io.stdout, `${escaped(JSON.stringify(value))}\n`),
  };
}

/**
 * Removes every control character but newline and tab: what a device prints must not move the cursor, rename the
 * window or answer for the person in front of it.
 */
export function withoutControls(text: string): string {
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, "");
}

/** The control characters that JSON leaves as they are, written as escapes: the same value, harmless on a terminal. */
function escaped(json: string): string {
  return json.replace(/[\x7f-\x9f]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function write(stream: Writable, text: string): Promise<void> {
  if (text === "" || stream.destroyed || stream.errored) return Promise.resolve();
  // A stream that breaks says so by its error event; the one who waits for this write has nothing to add.
  return new Promise((resolve) => stream.write(text, () => resolve()));
}
