import { create, toBinary } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
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
import type { Session } from "../device/index.js";
import type { AttemptContext, Executed } from "./attempt-context.js";
import { defaultIdleMs, enterEnable, hasRun, rejection, runLine } from "./command-line.js";
import { checkReturned, waitForReturn, withinMs } from "./device-return.js";
import { redactorOf } from "./endpoint-redactor.js";
import { afterGrace } from "./grace.js";

/** Runs command lines in one session, in order, and reports every one of them. */
export async function runCommands(
  context: AttemptContext,
  operation: CommandsOperation,
  limits: { readonly executionMs: number; readonly outputBytes: number },
): Promise<Executed> {
  const { writer, job } = context;
  const redactor = redactorOf(context.endpoint);
  const results: CommandResult[] = operation.commands.map(({ command }) =>
    create(CommandResultSchema, { command: redactor.redact(command), status: Status.SKIPPED }),
  );
  const steps = operation.commands.length;
  const isChange = job.effectClass === "AT_MOST_ONCE";
  const signal = isChange ? afterGrace(context) : context.signal;
  let session: Session | undefined;
  let confirmedStep = 0;
  let intendedStep = 0;
  let changed = false;
  let bytesLeft = limits.outputBytes;
  let error: unknown;

  try {
    session = await context.checkout({ fresh: false });
    context.permit(operation.commands.flatMap(linesOf));
    if (operation.privilege === Privilege.ENABLE) await enterEnable(session, context);
    for (const [index, asked] of operation.commands.entries()) {
      const { command, answers, idleTimeout, expectDisconnect, waitForReturn: awaited } = asked;
      const step = index + 1;
      const result = results[index];
      if (!result || context.signal.aborted) break;
      if (isChange && step === 1) await context.intent(step);
      intendedStep = step;
      writer.intended(step);
      const own: Session = session;
      const outcome = await runLine(context, {
        ...{ session: own, redactor, step, command, answers, isChange, signal, result },
        isFollowed: step < steps,
        idleTimeoutMs: idleTimeout ? durationMs(idleTimeout) : defaultIdleMs,
        totalTimeoutMs: limits.executionMs,
        maxOutputBytes: bytesLeft,
        took: (bytes) => (bytesLeft -= bytes),
        expectDisconnect,
        async seen(answer) {
          if (!answer) {
            result.disconnected = true;
            if (awaited) session = await waitForReturn(context, own, withinMs(awaited), "gone");
            changed = true;
          }
          confirmedStep = step;
          writer.confirmed(step);
        },
      });
      changed ||= isChange && (outcome === undefined || hasRun(outcome));
      if (outcome?.status === "rejected") {
        error ??= rejection(result.command, outcome);
        if (operation.onReject !== OnReject.CONTINUE) break;
      } else if (awaited) {
        if (outcome) session = await waitForReturn(context, own, withinMs(awaited), "going");
        await checkReturned(context, session, awaited.checks);
        if (operation.privilege === Privilege.ENABLE) await enterEnable(session, context);
      }
    }
  } catch (cause) {
    error = cause;
  }
  const sessionReused = session?.reused ?? false;
  const message = create(JobResultSchema, {
    result: { case: "commands", value: { commands: results } },
    sessionReused,
  });
  const done = { result: toBinary(JobResultSchema, message), confirmedStep, intendedStep, steps, changed };
  return error === undefined ? done : { ...done, error };
}

/** Every line that a command sends. */
function linesOf({ command, answers, waitForReturn }: Command): string[] {
  const checks = waitForReturn?.checks.map((check) => check.command) ?? [];
  return [command, ...answers.map(({ answer }) => answer), ...checks];
}
