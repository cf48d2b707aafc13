import { DeviceError } from "./device-error.js";
import type { CommandRequest } from "./session.js";

/** Counts and bounds what a command prints, on the way to the caller. */
export interface OutputGauge {
  /** Throws OUTPUT_TOO_LARGE behind the limit, after the caller got all that fits. */
  take(text: string): void | Promise<void>;
  isTruncated(): boolean;
}

/** Hands output to `request.onOutput` up to exactly `maxOutputBytes` bytes of UTF-8, never half a character. */
export function createOutputGauge(request: CommandRequest): OutputGauge {
  let left = request.maxOutputBytes;
  let truncated = false;
  return {
    take(text) {
      if (truncated) return undefined;
      const bytes = Buffer.byteLength(text);
      if (bytes <= left) {
        left -= bytes;
        return request.onOutput?.(text);
      }
      truncated = true;
      const fitting = firstBytes(text, left);
      left = 0;
      const delivered = fitting === "" ? undefined : request.onOutput?.(fitting);
      if (request.overflow === "truncate") return delivered;
      return (async () => {
        await delivered;
        throw new DeviceError("OUTPUT_TOO_LARGE", `the output is larger than ${request.maxOutputBytes} bytes`);
      })();
    },
    isTruncated: () => truncated,
  };
}

function firstBytes(text: string, bytes: number): string {
  const buffer = Buffer.from(text);
  let end = bytes;
  while (end > 0 && ((buffer[end] ?? 0) & 0xc0) === 0x80) end--;
  return buffer.toString("utf8", 0, end);
}

/** What would be more than one line, or keys. */
const control = /[\x00-\x08\x0a-\x1f\x7f]/;

function isLine(text: string): boolean {
  return !control.test(text);
}

/** Control characters other than a tab are refused. Throws a RangeError. */
export function checkCommand({ command, answers, block }: CommandRequest): void {
  if (
    isLine(command) &&
    (answers?.every(({ answer }) => isLine(answer)) ?? true) &&
    (block?.lines.every(isLine) ?? true)
  ) {
    return;
  }
  throw new RangeError("a command and an answer are one line each, without control characters");
}

/** More error lines than this say nothing new. */
export const mostErrorLines = 32;

/** Collects the lines that say a command was rejected. */
export function createErrorLines(
  errors: readonly (RegExp | undefined)[],
  redact: (text: string) => string,
): {
  see(line: string): void;
  readonly lines: readonly string[];
} {
  const lines: string[] = [];
  return {
    see(line) {
      if (lines.length >= mostErrorLines) return;
      for (const pattern of errors) {
        if (pattern?.test(line)) return void lines.push(redact(line.trimEnd()));
      }
    },
    lines,
  };
}
