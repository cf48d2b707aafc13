import { create } from "@bufbuild/protobuf";
import { CommandResultSchema, type CommandResult } from "@pointsman/sdk/v1";
import { isReadOnly, type Redactor, type Session } from "../device/index.js";
import type {
  TaskCommand,
  TaskCommandAnswer,
  TaskConfiguration,
  TaskConfigurationAnswer,
} from "../domain/task-runner.js";
import type { AttemptContext } from "./attempt-context.js";
import { enterEnable, hasRun, rejection, runLine } from "./command-line.js";
import { AttemptError } from "./failure.js";
import { afterGrace } from "./grace.js";
import { checkedConfiguration, configureInTask } from "./task-configure.js";
import type { TaskSteps } from "./task-steps.js";

const longestLine = 4_096;
const longestIdleMs = 3_600_000;
/** Lines that a result keeps: the last ones. */
const keptResults = 1_000;

/** The device of a task: its lines go through one session, one after the other. */
export interface TaskDeviceLink {
  readonly results: readonly CommandResult[];
  /** Why a change has no answer, where one has none: whatever the task makes of it, its outcome is not known. */
  readonly doubt: unknown;
  run(command: TaskCommand): Promise<TaskCommandAnswer>;
  configure(configuration: TaskConfiguration): Promise<TaskConfigurationAnswer>;
  /** Resolves when nothing of it touches the device any more. */
  idle(): Promise<void>;
}

/** Refuses what no line is: the task wrote it. */
export function checkedCommand(asked: TaskCommand): TaskCommand {
  const { command, answers, idleTimeoutMs } = asked;
  const texts = [command, ...Object.values(answers)];
  const isLine = (text: unknown): boolean =>
    typeof text === "string" && !/[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]/.test(text);
  const fits = texts.every(isLine) && command !== "" && command.length <= longestLine;
  if (!fits)
    throw new AttemptError("TASK_MISUSED", "a command is one line of 1 to 4,096 characters, and so is an answer");
  if (!(idleTimeoutMs > 0 && idleTimeoutMs <= longestIdleMs)) {
    throw new AttemptError("TASK_MISUSED", "idleTimeoutMs is a number of milliseconds, at most an hour");
  }
  return asked;
}

function inDoubt(): AttemptError {
  return new AttemptError("TASK_MISUSED", "the answer to an earlier change was not seen: nothing more is changed");
}

/** What it works with, beside the attempt. */
interface Parts {
  readonly steps: TaskSteps;
  readonly redactor: Redactor;
  readonly executionMs: number;
  readonly outputBytes: number;
}

export function createTaskDevice(context: AttemptContext, { steps, redactor, ...limits }: Parts): TaskDeviceLink {
  const { job, endpoint, signal } = context;
  const gentle = job.effectClass === "READ_ONLY" ? signal : afterGrace(context);
  const results: CommandResult[] = [];
  let session: Session | undefined;
  let bytesLeft = limits.outputBytes;
  let step = 0;
  let last: Promise<unknown> = Promise.resolve();
  let doubt: unknown;

  async function type(asked: TaskCommand): Promise<TaskCommandAnswer> {
    const { command, idleTimeoutMs, enable, allowRejected } = checkedCommand(asked);
    const answers = Object.entries(asked.answers).map(([question, answer]) => ({ question, answer }));
    const isChange = answers.length > 0 || !isReadOnly(endpoint.platform.readOnly, command);
    if (isChange && job.effectClass === "READ_ONLY") {
      const message = `"${command}" is not read-only on ${endpoint.platform.name}, and the task declares that it only reads`;
      throw new AttemptError("TASK_MISUSED", message);
    }
    if (isChange && doubt !== undefined) throw inDoubt();
    if (signal.aborted) throw new AttemptError("CANCELLED", "the work has to stop; nothing was sent");
    session ??= await context.checkout({ fresh: false });
    let awaited = false;
    try {
      // Denied before anything counts as sent.
      context.permit([command, ...Object.values(asked.answers)]);
      if (enable) await enterEnable(session, context);
      const number = step + 1;
      const counts = isChange && job.effectClass === "AT_MOST_ONCE";
      if (counts) await steps.intend(number);
      awaited = counts;
      step = number;
      const result = create(CommandResultSchema, { command: redactor.redact(command) });
      if (results.push(result) > keptResults) results.shift();
      const printed: string[] = [];
      const outcome = (await runLine(context, {
        ...{ session, redactor, step, command, answers, isChange, idleTimeoutMs, result },
        signal: isChange ? gentle : signal,
        totalTimeoutMs: limits.executionMs,
        maxOutputBytes: bytesLeft,
        took: (bytes) => (bytesLeft -= bytes),
        passed: (text) => printed.push(text),
        seen: () => {
          awaited = false;
          if (counts) steps.confirm(number);
        },
      }))!;
      if (isChange && hasRun(outcome)) steps.changed();
      if (outcome.status === "rejected" && !allowRejected) throw rejection(result.command, outcome);
      const { status, errorLines, durationMs, exitStatus } = outcome;
      const answer = { output: printed.join(""), status, errorLines, durationMs };
      return exitStatus === undefined ? answer : { ...answer, exitStatus };
    } catch (error) {
      leave(error);
      if (awaited) doubt ??= error;
      throw error;
    }
  }

  async function configure(given: TaskConfiguration): Promise<TaskConfigurationAnswer> {
    const asked = checkedConfiguration(given);
    if (!asked.plan && job.effectClass === "READ_ONLY") {
      throw new AttemptError("TASK_MISUSED", "the task declares that it only reads, and wants to configure the device");
    }
    if (!asked.plan && doubt !== undefined) throw inDoubt();
    if (signal.aborted) throw new AttemptError("CANCELLED", "the work has to stop; nothing was sent");
    session ??= await context.checkout({ fresh: false });
    try {
      const change = { session, asked, steps, before: step, outputBytes: bytesLeft };
      const { answer, results: lines, took, error, doubtful } = await configureInTask(context, change);
      step += took;
      for (const line of lines) {
        bytesLeft -= line.outputBytes;
        if (results.push(line) > keptResults) results.shift();
      }
      if (doubtful && job.effectClass === "AT_MOST_ONCE") doubt ??= error;
      if (error !== undefined) throw error as Error;
      return answer;
    } catch (error) {
      leave(error);
      throw error;
    }
  }

  /** What a session does after a failure of its own is not known: what comes next gets another. */
  function leave(error: unknown): void {
    if (!session || error instanceof AttemptError) return;
    context.discard(session);
    session = undefined;
  }

  /** One after the other. */
  function inTurn<T>(act: () => Promise<T>): Promise<T> {
    const mine = last.then(act);
    last = mine.catch(() => undefined);
    return mine;
  }

  return {
    results,
    get doubt() {
      return doubt;
    },
    run: (asked) => inTurn(() => type(asked)),
    configure: (asked) => inTurn(() => configure(asked)),
    async idle() {
      await last;
    },
  };
}
