import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { CommandStatus as Status, type CommandResult } from "@pointsman/sdk/v1";
import { type CommandOutcome, createRedactingStream, type Redactor, type Session } from "../device/index.js";
import type { CommandStatus } from "../domain/job-event.js";
import type { AttemptContext } from "./attempt-context.js";
import { isGone } from "./device-return.js";
import { AttemptError } from "./failure.js";

/**
 * How long a prompt must stand still before the next line may go out. A change typed into one that still runs can do
 * harm; a read that was cut short is found out by what comes behind it, and read again: then with more patience.
 */
const patient = { settleMs: 10 };
const quick = { settleMs: 1, settlesAsAnswered: true };

/** The longest silence of a device, where nothing else is said. */
export const defaultIdleMs = 30_000;

const statuses: Readonly<Record<CommandStatus, Status>> = {
  OK: Status.OK,
  REJECTED: Status.REJECTED,
  SKIPPED: Status.SKIPPED,
  INTERRUPTED: Status.INTERRUPTED,
};

/** A line to be typed, and where what it gives goes. */
export interface CommandLine {
  readonly session: Session;
  readonly redactor: Redactor;
  /** Its number among the job's lines, from 1. */
  readonly step: number;
  readonly command: string;
  readonly answers: readonly { readonly question: string; readonly answer: string }[];
  readonly idleTimeoutMs: number;
  readonly totalTimeoutMs: number;
  readonly maxOutputBytes: number;
  /** May change the device. */
  readonly isChange: boolean;
  readonly signal: AbortSignal;
  /** Another line follows in this session. Default false. */
  readonly isFollowed?: boolean;
  /** Filled in. Its command is the one that is told, without secrets. */
  readonly result: CommandResult;
  /** Told how much came, before secrets are taken out. */
  readonly took: (bytes: number) => void;
  /** Told of what is passed on. */
  readonly passed?: (text: string) => void;
  /** The line is to end the connection: that it does is its answer. Default false. */
  readonly expectDisconnect?: boolean;
  /** The answer was seen; without an outcome, the end of the connection. */
  readonly seen: (outcome: CommandOutcome | undefined) => void | Promise<void>;
}

/**
 * Types one line into a session; its beginning, its output and its end become facts. Undefined when it ended the
 * connection, as it was to. Rejects as the session does, the line being noted as interrupted.
 */
export async function runLine(
  { writer, beforeWrite, job }: Pick<AttemptContext, "writer" | "beforeWrite" | "job">,
  line: CommandLine,
): Promise<CommandOutcome | undefined> {
  const { session, step, result, command, answers, idleTimeoutMs, totalTimeoutMs, maxOutputBytes, signal } = line;
  writer.fact({ kind: "started", command: step, line: result.command });
  result.status = Status.INTERRUPTED;
  result.sessionReused = session.reused;
  const redacting = createRedactingStream(line.redactor);
  let came = 0;
  const pass = (text: string): Promise<void> | undefined => {
    if (text === "") return undefined;
    result.outputBytes += Buffer.byteLength(text);
    line.passed?.(text);
    return writer.output(step, text);
  };
  try {
    const outcome = await session
      .run({
        ...{ command, answers, idleTimeoutMs, totalTimeoutMs, maxOutputBytes, signal, beforeWrite },
        ...(line.expectDisconnect ? { expectDisconnect: true } : {}),
        ...(line.isChange || job.attempt > 1 ? patient : { ...quick, isFollowed: line.isFollowed ?? false }),
        ...(line.isChange ? {} : { refuseLeftovers: true }),
        onOutput: (text) => {
          came += Buffer.byteLength(text);
          line.took(Buffer.byteLength(text));
          return pass(redacting.push(text));
        },
      })
      .catch((failure: unknown) => {
        if (!line.expectDisconnect || !isGone(failure)) throw failure;
        return undefined;
      })
      .finally(() => void pass(redacting.flush()));
    await line.seen(outcome);
    const status: CommandStatus = outcome?.status === "rejected" ? "REJECTED" : "OK";
    result.status = statuses[status];
    if (outcome) {
      result.errorLines = [...outcome.errorLines];
      result.duration = durationFromMs(Math.round(outcome.durationMs));
      if (outcome.exitStatus !== undefined) result.exitStatus = outcome.exitStatus;
    }
    writer.fact(ended(step, status, outcome ?? { errorLines: [], durationMs: 0 }));
    return outcome;
  } catch (error) {
    writer.fact(ended(step, "INTERRUPTED", { errorLines: [], durationMs: 0 }));
    if (came >= maxOutputBytes) result.outputTruncated = true;
    throw error;
  }
}

function ended(
  command: number,
  status: CommandStatus,
  outcome: { readonly errorLines: readonly string[]; readonly durationMs: number; readonly exitStatus?: number },
) {
  const { errorLines, durationMs: took, exitStatus } = outcome;
  const fact = { kind: "ended", command, status, errorLines, durationMs: Math.round(took) } as const;
  return exitStatus === undefined ? fact : { ...fact, exitStatus };
}

/** Whether a line may have done something: one that was refused did not, a program may have before it failed. */
export function hasRun({ status, exitStatus, signal }: CommandOutcome): boolean {
  return status === "ok" || exitStatus !== undefined || signal !== undefined;
}

/** The failure of a line that the device did not take. `command` is told, so it has no secrets. */
export function rejection(command: string, { errorLines, exitStatus, signal }: CommandOutcome): AttemptError {
  const words = errorLines.join("\n");
  const end = exitStatus === undefined ? signal && `was killed by ${signal}` : `ended with ${exitStatus}`;
  const what = end === undefined ? `the device rejected "${command}"` : `"${command}" ${end}`;
  return new AttemptError("DEVICE_REJECTED", what, {}, words === "" ? undefined : words);
}

/** Brings a session into the privileged mode. UNSUPPORTED_BY_PLATFORM where there is none. */
export async function enterEnable(session: Session, context: AttemptContext): Promise<void> {
  if (session.mode === "enable") return;
  const { platform } = context.endpoint;
  if (!platform.modes.some(({ name }) => name === "enable")) {
    throw new AttemptError("UNSUPPORTED_BY_PLATFORM", `platform ${platform.name} has no privileged mode`);
  }
  await session.enterMode("enable", { signal: context.signal, beforeWrite: context.beforeWrite });
}
