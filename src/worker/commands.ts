import { create, toBinary } from "@bufbuild/protobuf";
import { durationFromMs, durationMs } from "@bufbuild/protobuf/wkt";
import {
  type Command,
  CommandStatus as Status,
  type CommandResult,
  CommandResultSchema,
  type CommandsOperation,
  JobResultSchema,
  OnReject,
  Privilege,
} from "@pointsman/sdk/v1";
import { createRedactingStream, createRedactor, type Session } from "../device/index.js";
import type { CommandStatus } from "../domain/job-event.js";
import type { AttemptContext, Executed } from "./attempt-context.js";
import { checkReturned, isGone, waitForReturn, withinMs } from "./device-return.js";
import { AttemptError } from "./failure.js";
import { afterGrace } from "./grace.js";

const defaultIdleMs = 30_000;
/**
 * How long a prompt must stand still before the next line may go out. A change typed into one that still runs can do
 * harm; a read that was cut short is found out by what comes behind it, and read again.
 */
const changeSettleMs = 10;
const readSettleMs = 2;

const statuses: Readonly<Record<CommandStatus, Status>> = {
  OK: Status.OK,
  REJECTED: Status.REJECTED,
  SKIPPED: Status.SKIPPED,
  INTERRUPTED: Status.INTERRUPTED,
};

/** Runs command lines in one session, in order, and reports every one of them. */
export async function runCommands(
  context: AttemptContext,
  operation: CommandsOperation,
  limits: { readonly executionMs: number; readonly outputBytes: number },
): Promise<Executed> {
  const { writer, job } = context;
  const results: CommandResult[] = operation.commands.map(({ command }) =>
    create(CommandResultSchema, { command, status: Status.SKIPPED }),
  );
  const isChange = job.effectClass === "AT_MOST_ONCE";
  const { platform, account } = context.endpoint;
  const redactor = createRedactor(platform.secrets, [
    account.password,
    account.privateKey,
    account.passphrase,
    account.enableSecret,
  ]);
  const patient = isChange ? afterGrace(context) : context.signal;
  let session: Session | undefined;
  let confirmedStep = 0;
  let intendedStep = 0;
  let changed = false;
  let bytesLeft = limits.outputBytes;
  let error: unknown;

  try {
    session = await context.checkout({ fresh: false });
    context.permit(operation.commands.flatMap(linesOf));
    await enterPrivilege(session, operation.privilege, context);
    for (const [index, command] of operation.commands.entries()) {
      const step = index + 1;
      const result = results[index];
      if (!result || context.signal.aborted) break;
      if (isChange && step === 1) await context.intent(step);
      intendedStep = step;
      writer.intended(step);
      writer.fact({ kind: "started", command: step, line: command.command });
      result.status = Status.INTERRUPTED;
      result.sessionReused = session.reused;
      const redacting = createRedactingStream(redactor);
      const pass = (text: string): Promise<void> | undefined => {
        if (text === "") return undefined;
        result.outputBytes += Buffer.byteLength(text);
        return writer.output(step, text);
      };
      const outcome = await session
        .run({
          command: command.command,
          answers: command.answers,
          idleTimeoutMs: command.idleTimeout ? durationMs(command.idleTimeout) : defaultIdleMs,
          totalTimeoutMs: limits.executionMs,
          maxOutputBytes: bytesLeft,
          ...(isChange ? { settleMs: changeSettleMs } : { settleMs: readSettleMs, refuseLeftovers: true }),
          signal: patient,
          beforeWrite: context.beforeWrite,
          onOutput: (text) => {
            bytesLeft -= Buffer.byteLength(text);
            return pass(redacting.push(text));
          },
        })
        .catch((cause: unknown) => {
          if (!command.expectDisconnect || !isGone(cause)) throw cause;
          return undefined;
        })
        .finally(() => void pass(redacting.flush()));
      if (!outcome) {
        result.disconnected = true;
        if (command.waitForReturn)
          session = await waitForReturn(context, session, withinMs(command.waitForReturn), true);
        changed = true;
      }
      confirmedStep = step;
      writer.confirmed(step);
      const status: CommandStatus = outcome?.status === "rejected" ? "REJECTED" : "OK";
      result.status = statuses[status];
      if (outcome) {
        result.errorLines = [...outcome.errorLines];
        result.duration = durationFromMs(Math.round(outcome.durationMs));
        if (outcome.exitStatus !== undefined) result.exitStatus = outcome.exitStatus;
      }
      writer.fact(ended(step, status, outcome ?? { errorLines: [], durationMs: 0 }));
      // A command with an exit status may have done a part of its work before it failed; a refused line did nothing.
      changed ||= isChange && (status === "OK" || outcome?.exitStatus !== undefined);
      if (status === "OK" && command.waitForReturn) {
        if (outcome) session = await waitForReturn(context, session, withinMs(command.waitForReturn), false);
        await checkReturned(context, session, command.waitForReturn.checks);
        await enterPrivilege(session, operation.privilege, context);
      }
      if (status === "REJECTED") {
        error ??= rejection(command.command, outcome?.errorLines ?? [], outcome?.exitStatus);
        if (operation.onReject !== OnReject.CONTINUE) break;
      }
    }
  } catch (cause) {
    error = cause;
    const result = results[intendedStep - 1];
    if (result?.status === Status.INTERRUPTED) {
      const outcome = { errorLines: [], durationMs: 0 };
      writer.fact(ended(intendedStep, "INTERRUPTED", outcome));
      if (bytesLeft <= 0) result.outputTruncated = true;
    }
  }
  const sessionReused = session?.reused ?? false;
  const message = create(JobResultSchema, {
    result: { case: "commands", value: { commands: results } },
    sessionReused,
  });
  const steps = operation.commands.length;
  const done = { result: toBinary(JobResultSchema, message), confirmedStep, intendedStep, steps, changed };
  return error === undefined ? done : { ...done, error };
}

/** Every line that a command sends. */
function linesOf({ command, answers, waitForReturn }: Command): string[] {
  const checks = waitForReturn?.checks.map((check) => check.command) ?? [];
  return [command, ...answers.map(({ answer }) => answer), ...checks];
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

function rejection(command: string, errorLines: readonly string[], exitStatus: number | undefined): AttemptError {
  const words = errorLines.join("\n");
  const what = exitStatus === undefined ? `the device rejected "${command}"` : `"${command}" ended with ${exitStatus}`;
  return new AttemptError("DEVICE_REJECTED", what, {}, words === "" ? undefined : words);
}

async function enterPrivilege(session: Session, privilege: Privilege, context: AttemptContext): Promise<void> {
  if (privilege !== Privilege.ENABLE || session.mode === "enable") return;
  const { platform } = context.endpoint;
  if (!platform.modes.some(({ name }) => name === "enable")) {
    throw new AttemptError("UNSUPPORTED_BY_PLATFORM", `platform ${platform.name} has no privileged mode`);
  }
  await session.enterMode("enable", { signal: context.signal, beforeWrite: context.beforeWrite });
}
