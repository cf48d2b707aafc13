import type { Clock } from "../domain/clock.js";
import type { Redactor } from "./redact.js";

/** Where a recorded session stood when the recording began; absent when it began with the login. */
export interface TranscriptStart {
  readonly prompt: string;
  readonly mode: string;
  readonly loginMode: string;
}

/** One line of a transcript behind its head. */
export type TranscriptEntry =
  /** Bytes from the device; `err` is the standard error of an exec channel. */
  | { readonly t: number; readonly d: "in" | "err"; readonly b: string }
  /** Bytes to the device; of a secret only that there was one. */
  | { readonly t: number; readonly d: "out"; readonly b: string; readonly secret?: true }
  | {
      readonly t: number;
      readonly d: "command";
      readonly command: string;
      readonly answers?: readonly RecordedAnswer[];
      readonly block?: RecordedBlock;
    }
  | { readonly t: number; readonly d: "mode"; readonly mode: string }
  /** A pooled session was asked for a fresh prompt. */
  | { readonly t: number; readonly d: "refresh" }
  | { readonly t: number; readonly d: "exec"; readonly command: string }
  | { readonly t: number; readonly d: "exit"; readonly status?: number };

/** An answer as recorded: what was hidden stays so. */
export interface RecordedAnswer {
  readonly question: string;
  readonly answer: string;
  readonly hidden?: boolean;
}

/** A block as recorded. */
export interface RecordedBlock {
  /** Source of the pattern. */
  readonly invite: string;
  readonly lines: readonly string[];
}

/** The first line of a transcript. */
export interface TranscriptHead {
  readonly pointsman: "transcript";
  readonly version: 1;
  readonly platform: string;
  /** Wall clock at the start, milliseconds since the epoch. */
  readonly time: number;
  readonly start?: TranscriptStart;
}

/** What a channel carried, kept for debugging and for `replay`. Times `t` are milliseconds since the start, bytes are base64. */
export interface Transcript {
  /**
   * Starts, or starts again when a pooled session turned out to be dead and another one took its place. `redactor` knows
   * the secrets of platform and account.
   */
  begin(platform: string, redactor: Redactor, start?: TranscriptStart): void;
  received(bytes: Uint8Array, stream: "out" | "err"): void;
  sent(text: string, secret: boolean): void;
  note(entry: TranscriptNote): void;
  /** The whole as JSON lines, secrets masked character by character so that lengths stay. */
  toJsonLines(): string;
  /** True when the byte limit cut it: the end is missing. */
  readonly truncated: boolean;
}

/** Entries that are not bytes. */
export type TranscriptNote =
  | {
      readonly d: "command";
      readonly command: string;
      readonly answers?: readonly RecordedAnswer[];
      readonly block?: RecordedBlock;
    }
  | { readonly d: "mode"; readonly mode: string }
  | { readonly d: "refresh" }
  | { readonly d: "exec"; readonly command: string }
  | { readonly d: "exit"; readonly status?: number };

interface Piece {
  readonly t: number;
  readonly d: "in" | "err";
  readonly bytes: Buffer;
}

/** A transcript that keeps at most `maxBytes` of traffic (default 1 MiB) and then stops. */
export function createTranscript(clock: Clock, maxBytes = 1_048_576): Transcript {
  let head: TranscriptHead | undefined;
  let redactor: Redactor | undefined;
  let origin = 0;
  let left = maxBytes;
  let truncated = false;
  const entries: (Piece | TranscriptEntry)[] = [];

  const take = (bytes: number): boolean => {
    if (truncated || bytes > left) truncated = true;
    else left -= bytes;
    return !truncated;
  };
  const since = (): number => Math.round((clock.monotonic() - origin) * 10) / 10;
  const encode = (text: string): string => Buffer.from(text, "utf8").toString("base64");

  return {
    begin(platform, withRedactor, start) {
      entries.length = 0;
      left = maxBytes;
      truncated = false;
      redactor = withRedactor;
      origin = clock.monotonic();
      head = { pointsman: "transcript", version: 1, platform, time: clock.now(), ...(start ? { start } : {}) };
    },
    received(bytes, stream) {
      if (take(bytes.length))
        entries.push({ t: since(), d: stream === "err" ? "err" : "in", bytes: Buffer.from(bytes) });
    },
    sent(text, secret) {
      if (!take(text.length)) return;
      entries.push(
        secret
          ? { t: since(), d: "out", b: encode("********\n"), secret: true }
          : { t: since(), d: "out", b: encode(text) },
      );
    },
    note(entry) {
      if (take(64)) entries.push({ t: since(), ...entry });
    },
    toJsonLines() {
      const masked = maskPieces(
        entries.filter((entry): entry is Piece => "bytes" in entry),
        redactor,
      );
      const lines: unknown[] = head ? [head] : [];
      for (const entry of entries) {
        if ("bytes" in entry) lines.push({ t: entry.t, d: entry.d, b: masked.get(entry)?.toString("base64") ?? "" });
        else if ("b" in entry && !("secret" in entry)) lines.push({ ...entry, b: encode(maskText(entry.b, redactor)) });
        else if ("command" in entry) lines.push({ ...entry, command: redactor?.mask(entry.command) ?? entry.command });
        else lines.push(entry);
      }
      return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
    },
    get truncated() {
      return truncated;
    },
  };
}

function maskText(base64: string, redactor: Redactor | undefined): string {
  const text = Buffer.from(base64, "base64").toString("utf8");
  return redactor?.mask(text) ?? text;
}

/** Masks across the cuts between pieces: a secret may be spread over two of them. */
function maskPieces(pieces: readonly Piece[], redactor: Redactor | undefined): Map<Piece, Buffer> {
  const whole = Buffer.concat(pieces.map((piece) => piece.bytes)).toString("latin1");
  const masked = Buffer.from(redactor?.mask(whole) ?? whole, "latin1");
  const result = new Map<Piece, Buffer>();
  let at = 0;
  for (const piece of pieces) {
    result.set(piece, masked.subarray(at, at + piece.bytes.length));
    at += piece.bytes.length;
  }
  return result;
}
