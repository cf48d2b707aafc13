import { create, fromBinary } from "@bufbuild/protobuf";
import {
  type CommandResult,
  CommandStatus,
  CommandResultSchema,
  ConfigMode,
  ConfigureOperationSchema,
  JobResultSchema,
} from "@pointsman/sdk/v1";
import type { Session } from "../device/index.js";
import type { TaskConfiguration, TaskConfigurationAnswer } from "../domain/task-runner.js";
import type { AttemptContext, Executed } from "./attempt-context.js";
import { runConfigure } from "./configure.js";
import { AttemptError } from "./failure.js";
import type { OutputWriter } from "./output-writer.js";
import type { TaskSteps } from "./task-steps.js";

/** Lines of one change at most, and bytes of them. */
const mostLines = 100_000;
const mostBytes = 1024 * 1024;

/** Refuses what is no configuration: the task wrote it. */
export function checkedConfiguration(asked: TaskConfiguration): TaskConfiguration {
  const { lines } = asked;
  const fits =
    Array.isArray(lines) &&
    lines.length >= 1 &&
    lines.length <= mostLines &&
    lines.every((line) => typeof line === "string") &&
    Buffer.byteLength(lines.join("\n")) <= mostBytes;
  if (!fits) throw new AttemptError("TASK_MISUSED", "a configuration is 1 to 100,000 lines, 1 MiB at most");
  return asked;
}

/** A change of the configuration as one of the things that a task does on its device. */
export interface TaskChange {
  readonly session: Session;
  readonly asked: TaskConfiguration;
  readonly steps: TaskSteps;
  /** Steps that the task has taken before: the lines are numbered behind them. */
  readonly before: number;
  readonly outputBytes: number;
}

/** What came of it. */
export interface TaskChanged {
  readonly answer: TaskConfigurationAnswer;
  /** What each line gave, for the result of the task. */
  readonly results: readonly CommandResult[];
  /** Steps that it took. */
  readonly took: number;
  /** What ended it early. */
  readonly error: unknown;
  /** Something may have been sent whose answer was not seen. */
  readonly doubtful: boolean;
}

/**
 * Configures the device as a job of that kind does, as a part of a task: the point of no return is the task's, passed once
 * before the first line that can change something, and the lines are among its own.
 */
export async function configureInTask(
  context: AttemptContext,
  { session, asked, steps, before, outputBytes }: TaskChange,
): Promise<TaskChanged> {
  const texts: string[] = [];
  const { writer } = context;
  const own: OutputWriter = {
    ...writer,
    fact: (fact) => writer.fact("command" in fact ? { ...fact, command: before + fact.command } : fact),
    output(command, text) {
      if (command > 0) return writer.output(before + command, text);
      // A text of its own, such as the difference, is the task's to keep.
      texts.push(text);
      return undefined;
    },
    intended: (step) => steps.sent(before + step),
    confirmed: (step) => steps.confirm(before + step),
  };
  const executed = await runConfigure(
    {
      ...context,
      writer: own,
      intent: (step) => steps.intend(before + step),
      checkout: () => Promise.resolve(session),
    },
    create(ConfigureOperationSchema, {
      input: { case: "lines", value: { lines: [...asked.lines] } },
      mode: asked.plan ? ConfigMode.PLAN : ConfigMode.APPLY,
      save: asked.save && !asked.plan,
      acceptUnproven: asked.acceptUnproven,
    }),
    { outputBytes },
  );
  if (executed.changed) steps.changed();
  return told(executed, session.reused, texts.join(""), asked.plan);
}

function told(executed: Executed, sessionReused: boolean, diff: string, isPlan: boolean): TaskChanged {
  const { result } = fromBinary(JobResultSchema, executed.result);
  if (result.case !== "configure") throw new Error("a configuration gave another result");
  const { lines, committed, saved } = result.value;
  const { confirmedStep, intendedStep, error } = executed;
  const unfinished = !isPlan && !committed;
  // Where there is no candidate to type it into, nothing of a plan is typed.
  const typed = isPlan ? lines.filter(({ status }) => status !== CommandStatus.SKIPPED) : lines;
  return {
    answer: { diff, committed, saved },
    results: typed.map(({ line: command, status, output, errorLines, duration }) =>
      create(CommandResultSchema, {
        ...{ command, status, errorLines, sessionReused, ...(duration && { duration }) },
        ...{ outputBytes: output?.bytes ?? 0, outputTruncated: output?.truncated ?? false },
      }),
    ),
    took: Math.max(lines.length, executed.steps, intendedStep),
    error:
      error ??
      (unfinished ? new AttemptError("CANCELLED", "the work had to stop in the middle of the lines") : undefined),
    doubtful: error !== undefined && confirmedStep < intendedStep,
  };
}
