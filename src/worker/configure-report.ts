import { create, toBinary } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  CommandStatus as Status,
  type ConfigLineResult,
  type ConfigText,
  ConfigTextSchema,
  type ConfigureResult,
  ConfigureResultSchema,
  JobResultSchema,
} from "@pointsman/sdk/v1";
import { type CommandOutcome, type ConfigurationLine, createRedactingStream, type Redactor } from "../device/index.js";
import type { OutputWriter } from "./output-writer.js";

const statuses = { OK: Status.OK, REJECTED: Status.REJECTED, INTERRUPTED: Status.INTERRUPTED } as const;

/** Tells what a configuration did: into the result, the events and the output. Everything it passes on is redacted. */
export interface ConfigureReport {
  readonly result: ConfigureResult;
  /** Bytes of output that may still be kept. */
  readonly bytesLeft: number;
  started(index: number): void;
  /** Takes what a line prints. */
  readonly printed: (text: string) => void | Promise<void>;
  ended(
    index: number,
    status: keyof typeof statuses,
    outcome?: Pick<CommandOutcome, "errorLines" | "durationMs">,
  ): void;
  /** A text of its own, already redacted; cut where the output is full. Texts are kept in the order of these calls. */
  text(text: string): Promise<ConfigText>;
  remark(level: "info" | "warning", message: string): void;
  encode(sessionReused: boolean): Uint8Array;
}

/** A report on `lines`, all of them not yet typed. */
export function createConfigureReport(
  writer: OutputWriter,
  redactor: Redactor,
  lines: readonly ConfigurationLine[],
  outputBytes: number,
): ConfigureReport {
  const result = create(ConfigureResultSchema, {
    lines: lines.map(({ text, block }) => ({
      line: redactor.redact([text, ...(block?.lines ?? [])].join("\n")),
      status: Status.SKIPPED,
    })),
  });
  let bytesLeft = outputBytes;
  let stream = createRedactingStream(redactor);
  let current = 0;
  const lineAt = (index: number): ConfigLineResult | undefined => result.lines[index];
  const pass = (text: string): Promise<void> | undefined => {
    const line = lineAt(current);
    if (text === "" || !line) return undefined;
    line.output ??= create(ConfigTextSchema);
    const fitting = firstBytes(text, bytesLeft);
    if (fitting !== text) line.output.truncated = true;
    if (fitting === "") return undefined;
    const length = Buffer.byteLength(fitting);
    line.output.bytes += length;
    bytesLeft -= length;
    return writer.output(current + 1, fitting);
  };
  return {
    result,
    get bytesLeft() {
      return bytesLeft;
    },
    started(index) {
      current = index;
      stream = createRedactingStream(redactor);
      const line = lineAt(index);
      if (line) line.status = Status.INTERRUPTED;
      writer.fact({ kind: "started", command: index + 1, line: line?.line ?? "" });
    },
    printed: (text) => pass(stream.push(text)),
    ended(index, status, outcome = { errorLines: [], durationMs: 0 }) {
      void pass(stream.flush());
      const line = lineAt(index);
      const took = Math.round(outcome.durationMs);
      if (line) {
        line.status = statuses[status];
        line.errorLines = [...outcome.errorLines];
        line.duration = durationFromMs(took);
      }
      const { errorLines } = outcome;
      writer.fact({ kind: "ended", command: index + 1, status, errorLines, durationMs: took });
    },
    async text(text) {
      const fitting = firstBytes(text, bytesLeft);
      const bytes = Buffer.byteLength(fitting);
      bytesLeft -= bytes;
      if (fitting !== "") await writer.output(0, fitting);
      return create(ConfigTextSchema, { bytes, truncated: fitting !== text });
    },
    remark: (level, message) => writer.fact({ kind: "log", level, message }),
    encode: (sessionReused) =>
      toBinary(
        JobResultSchema,
        create(JobResultSchema, { result: { case: "configure", value: result }, sessionReused }),
      ),
  };
}

function firstBytes(text: string, bytes: number): string {
  const buffer = Buffer.from(text);
  if (buffer.length <= bytes) return text;
  let end = Math.max(0, bytes);
  while (end > 0 && ((buffer[end] ?? 0) & 0xc0) === 0x80) end--;
  return buffer.toString("utf8", 0, end);
}
