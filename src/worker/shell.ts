import { StringDecoder } from "node:string_decoder";
import { create, toBinary } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { JobResultSchema, type ShellOperation, type ShellResult, ShellResultSchema } from "@pointsman/sdk/v1";
import type { Clock } from "../domain/clock.js";
import type { Holdable, RunningProgram } from "../domain/programs.js";
import { splitWords } from "../domain/split-words.js";
import type { Executed, WorkContext } from "./attempt-context.js";
import { AttemptError } from "./failure.js";
import type { Tools } from "./tools.js";

/** Between the request to end and the end that cannot be refused. */
const killGraceMs = 2_000;
/** How long the end of a killed group is waited for: what hangs in the kernel may not end. */
const lastWaitMs = 5_000;

/** Runs a program, with its output as events, and takes all its children along when it has to stop. */
export async function runShell(
  context: WorkContext,
  operation: ShellOperation,
  { programs, shellCommands, programHome, clock, outputBytes }: ShellParts,
): Promise<Executed> {
  const argv = wordsOf(operation);
  const result = create(ShellResultSchema, { argv: [...argv] });
  const done = (steps: Pick<Executed, "confirmedStep" | "intendedStep" | "changed">, error?: unknown): Executed => ({
    ...{ result: encoded(result), steps: 1, ...steps },
    ...(error === undefined ? {} : { error }),
  });
  const nothing = { confirmedStep: 0, intendedStep: 0, changed: false };

  const [program = ""] = argv;
  if (!shellCommands.includes("*") && !shellCommands.includes(program)) {
    return done(nothing, new AttemptError("SHELL_FORBIDDEN", forbidden(program, shellCommands)));
  }
  if (context.job.effectClass === "AT_MOST_ONCE") await context.intent(1);
  if (context.signal.aborted) return done(nothing, new AttemptError("CANCELLED", "stopped before it was started"));
  context.beforeWrite();
  context.writer.intended(1);
  const started = clock.monotonic();
  const output = createOutput(context, result, outputBytes);
  const running = programs.run({
    argv,
    env: { ...programHome.env, POINTSMAN_JOB: context.job.id },
    directory: programHome.directory,
    onOutput: output.take,
  });
  output.onTooLarge(() => running.kill("SIGKILL"));
  const ended = await endOf(context, running);
  output.end();
  result.duration = durationFromMs(Math.round(clock.monotonic() - started));
  if (ended === "unseen") return done({ ...nothing, intendedStep: 1 }, interrupted(context));
  if (ended instanceof Error) {
    return done(
      { ...nothing, confirmedStep: 1, intendedStep: 1 },
      new AttemptError("PROGRAM_NOT_STARTED", ended.message),
    );
  }
  if (ended.exitStatus !== undefined) result.exitStatus = ended.exitStatus;
  if (ended.signal !== undefined) result.signal = ended.signal;
  context.writer.confirmed(1);
  const past = { confirmedStep: 1, intendedStep: 1, changed: true };
  if (result.outputTruncated) {
    return done(past, new AttemptError("OUTPUT_TOO_LARGE", `more than ${outputBytes} bytes of output; it was killed`));
  }
  if (ended.exitStatus === 0) return done(past);
  if (context.urgentSignal.aborted) return done(past, interrupted(context));
  return done(past, failure(program, ended));
}

interface ShellParts extends Pick<Tools, "programs" | "shellCommands" | "programHome"> {
  readonly clock: Clock;
  readonly outputBytes: number;
}

function wordsOf({ program }: ShellOperation): readonly string[] {
  if (program.case === "argv") return program.value.words;
  return splitWords(program.value ?? "");
}

function forbidden(program: string, allowed: readonly string[]): string {
  const why = `this worker does not allow "${program}"`;
  return allowed.length === 0
    ? `${why}: it runs no programs; its setting worker.shell_commands names those that are allowed`
    : `${why}: its setting worker.shell_commands names those that are`;
}

function interrupted({ stopCause }: WorkContext): AttemptError {
  return new AttemptError("CANCELLED", `the program was killed: ${stopCause() ?? "stopped"}`);
}

function failure(program: string, { exitStatus, signal }: { exitStatus?: number; signal?: string }): AttemptError {
  const how = exitStatus === undefined ? `was ended by ${signal ?? "a signal"}` : `ended with ${exitStatus}`;
  const metadata = exitStatus === undefined ? { signal: signal ?? "" } : { exit_status: String(exitStatus) };
  return new AttemptError("PROGRAM_FAILED", `"${program}" ${how}`, metadata);
}

/**
 * How it ended; an error when it was not started; "unseen" when it was killed and its end did not come. Whoever stops
 * changes lets what is under way take its time.
 */
async function endOf(context: WorkContext, running: RunningProgram) {
  let given = (): void => undefined;
  const unseen = new Promise<"unseen">((resolve) => {
    given = () => context.timer(lastWaitMs, () => resolve("unseen"));
  });
  const finish = (): void => {
    running.kill("SIGKILL");
    given();
  };
  const begin = (): void => {
    running.kill("SIGTERM");
    context.timer(killGraceMs, finish);
  };
  const { urgentSignal: signal, hardSignal } = context;
  if (hardSignal.aborted) finish();
  else if (signal.aborted) begin();
  signal.addEventListener("abort", begin, { once: true });
  hardSignal.addEventListener("abort", finish, { once: true });
  try {
    return await Promise.race([running.ended, unseen]);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  } finally {
    signal.removeEventListener("abort", begin);
    hardSignal.removeEventListener("abort", finish);
  }
}

/** Hands output on as it comes, notes from which stream, and holds the program back when nobody takes it. */
function createOutput({ writer }: WorkContext, result: ShellResult, limit: number) {
  const decoders = { stdout: new StringDecoder("utf8"), stderr: new StringDecoder("utf8") };
  let left = limit;
  let tooLarge = (): void => undefined;

  function pass(stream: "stdout" | "stderr", text: string): Promise<void> | undefined {
    const kept = cut(text, left);
    const length = Buffer.byteLength(kept);
    if (kept !== text && !result.outputTruncated) {
      result.outputTruncated = true;
      tooLarge();
    }
    if (length === 0) return undefined;
    left -= length;
    const signed = stream === "stdout" ? length : -length;
    const last = result.pieces.length - 1;
    if (last >= 0 && Math.sign(result.pieces[last] ?? 0) === Math.sign(signed)) result.pieces[last]! += signed;
    else result.pieces.push(signed);
    if (stream === "stdout") result.stdoutBytes += length;
    else result.stderrBytes += length;
    return writer.output(stream === "stdout" ? 1 : 2, kept);
  }

  return {
    take(stream: "stdout" | "stderr", bytes: Uint8Array, source: Holdable): void {
      const full = pass(stream, decoders[stream].write(Buffer.from(bytes)));
      if (!full) return;
      source.pause();
      void full.then(() => source.resume());
    },
    end(): void {
      for (const stream of ["stdout", "stderr"] as const) void pass(stream, decoders[stream].end());
    },
    onTooLarge(call: () => void): void {
      tooLarge = call;
    },
  };
}

/** As much of a text as fits, in bytes of UTF-8, without half a character. */
function cut(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  return new StringDecoder("utf8").write(Buffer.from(text).subarray(0, bytes));
}

function encoded(value: ShellResult): Uint8Array {
  return toBinary(JobResultSchema, create(JobResultSchema, { result: { case: "shell", value } }));
}
