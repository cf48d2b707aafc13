import { create, toBinary, toJson } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { JobResultSchema, type TaskOperation } from "@pointsman/sdk/v1";
import { createRedactor, DeviceError, type Redactor } from "../device/index.js";
import type { Clock } from "../domain/clock.js";
import type { ChildJobs } from "../domain/child-jobs.js";
import { deepestJson } from "../domain/json-depth.js";
import { type RunningTask, TaskCallError, type TaskEnd, type TaskRunner } from "../domain/task-runner.js";
import type { EffectClass } from "../domain/job.js";
import type { TaskType } from "../domain/task-type.js";
import { wellFormed } from "../domain/well-formed.js";
import type { AttemptContext, Executed, WorkContext } from "./attempt-context.js";
import { redactorOf } from "./endpoint-redactor.js";
import { AttemptError, failureOf } from "./failure.js";
import type { LeaseStore } from "../store/store.js";
import { ChildError, createTaskChildren } from "./task-children.js";
import { createTaskDevice } from "./task-device.js";
import { createTaskSteps, type TaskSteps } from "./task-steps.js";

/** How long a task that was told to stop may still take, before it is ended. */
const killGraceMs = 5_000;
/** The longest answer of a task, in bytes. */
const answerBytes = 1024 * 1024;

/** A task put itself off. */
export class TaskDeferredError extends AttemptError {
  readonly delayMs: number;
  constructor(delayMs: number, reason: string) {
    super("TASK_DEFERRED", reason);
    this.delayMs = delayMs;
  }
}

/** What running a task needs. */
export interface TaskParts {
  readonly tasks: TaskRunner;
  /** The machine that this worker runs on. */
  readonly node: string;
  readonly executionMs: number;
  readonly outputBytes: number;
  /** The work begins: a thread is free. */
  readonly began: () => void;
  readonly clock: Clock;
  /** Jobs that it may ask for where it has no device. */
  readonly children: ChildJobs;
  readonly lendPermits: () => ReturnType<LeaseStore["lendPermits"]>;
  /** It waits for a thread or for other jobs, and does nothing else; or that is over. */
  readonly rests: (isResting: boolean) => void;
}

/** Runs a task in a thread of its own, and does for it what it asks for. `device`: the attempt, where the job has one. */
export async function runTask(
  context: WorkContext,
  device: AttemptContext | undefined,
  operation: TaskOperation,
  parts: TaskParts,
): Promise<Executed> {
  const { job, writer } = context;
  const redactor = device ? redactorOf(device.endpoint) : createRedactor([]);
  const steps = createTaskSteps(context);
  const link = device && createTaskDevice(device, { ...parts, steps, redactor });
  let endMs = Infinity;
  const leftMs = (): number => endMs - parts.clock.monotonic();
  const children = device ? undefined : createTaskChildren(context, { ...parts, steps, leftMs, waits: parts.rests });
  let output: string | undefined;
  let error: unknown;
  try {
    const type = typeOf(parts.tasks, operation, job.effectClass);
    const input: unknown = operation.input ? toJson(ValueSchema, operation.input) : {};
    const wrong = parts.tasks.problemOf(type, "input", input);
    if (wrong !== undefined) throw new AttemptError("TASK_INPUT_INVALID", `the input does not fit: ${wrong}`);
    // What has no device, or may be repeated, can change things from its first line on, unless it says when.
    const says = link !== undefined || type.declaresIntent === true;
    if (job.effectClass === "IDEMPOTENT" || (job.effectClass === "AT_MOST_ONCE" && !says)) await steps.open();
    const calls = createCalls();
    const run = parts.tasks.run(
      {
        ...{ type: type.name, input, job: job.id, attempt: job.attempt, deferrals: job.deferrals ?? 0 },
        ...{ labels: job.labels, zone: job.zone, node: parts.node },
        outputBytes: Math.min(answerBytes, parts.outputBytes),
        ...(device && { device: deviceOf(device) }),
      },
      {
        began() {
          endMs = parts.clock.monotonic() + parts.executionMs;
          if (!device) parts.rests(false);
          parts.began();
        },
        log: (level, message) => writer.fact({ kind: "log", level, message: redactor.redact(message) }),
        progress: (percent, message) =>
          writer.fact({
            ...{ kind: "progress", message: redactor.redact(message) },
            ...(percent === undefined ? {} : { percent }),
          }),
        run: (command) => calls.call(() => link!.run(command)),
        configure: (configuration) => calls.call(() => link!.configure(configuration)),
        send: (errand) => calls.call(() => children!.send(errand)),
        intent: () => calls.call(() => openSteps(steps, type)),
      },
    );
    // Another of its kind may have the thread, and wait for what this one would keep from starting.
    if (children && !run.hasThread) {
      parts.rests(true);
      void calls.call(() => children.lend()).catch(() => undefined);
    }
    const end = await endOf(context, run, calls.fatal);
    await children?.close();
    if (end.how !== "killed" && end.how !== "crashed") steps.settle();
    await link?.idle();
    if (link?.doubt !== undefined) throw link.doubt as Error;
    output = answerOf(parts.tasks, type, end, { calls, steps, redactor, deferrals: job.deferrals ?? 0 });
  } catch (cause) {
    error = cause;
    await children?.close();
    await link?.idle();
  }
  if (output !== undefined) void writer.output(0, output);
  const value = {
    outputBytes: output === undefined ? 0 : Buffer.byteLength(output),
    commands: [...(link?.results ?? [])],
    deferrals: job.deferrals ?? 0,
  };
  const sessionReused = link?.results[0]?.sessionReused ?? false;
  const result = toBinary(JobResultSchema, create(JobResultSchema, { result: { case: "task", value }, sessionReused }));
  const done = { result, ...steps.now, steps: steps.now.intendedStep };
  return error === undefined ? done : { ...done, error };
}

/** What repeating it would mean, the stricter the higher. */
const strictness: Readonly<Record<EffectClass, number>> = { READ_ONLY: 0, IDEMPOTENT: 1, AT_MOST_ONCE: 2 };

function typeOf(tasks: TaskRunner, { type: name }: TaskOperation, accepted: EffectClass): TaskType {
  const type = tasks.types.get(name);
  if (!type) throw new AttemptError("UNSUPPORTED_BY_PLATFORM", `this worker has not loaded a task ${name}`);
  if (strictness[type.delivery] > strictness[accepted]) {
    const message = `the task was accepted as ${accepted}, and declares ${type.delivery} for this worker`;
    throw new AttemptError("EFFECT_UPGRADED", message);
  }
  return type;
}

function deviceOf({ job, endpoint }: AttemptContext) {
  const { address, platform } = endpoint;
  return { name: job.device ?? address, address, platform: platform.name };
}

async function openSteps(steps: TaskSteps, { name, delivery }: TaskType): Promise<void> {
  if (delivery === "READ_ONLY") {
    throw new AttemptError("TASK_MISUSED", `task ${name} declares that it only reads, and wants to change something`);
  }
  await steps.open();
}

/** Calls of a task. What may be its own to meet is told to it; anything else ends the attempt. */
function createCalls() {
  const failures = new Map<number, AttemptError | DeviceError>();
  let isFatal: (error: unknown) => void = () => undefined;
  const fatal = new Promise<{ readonly fatal: unknown }>((resolve) => (isFatal = (error) => resolve({ fatal: error })));
  return {
    fatal,
    failure: (number: number | undefined) => (number === undefined ? undefined : failures.get(number)),
    async call<T>(run: () => Promise<T>): Promise<T> {
      try {
        return await run();
      } catch (error) {
        const known = failureOf(error);
        if (!known || !(error instanceof AttemptError || error instanceof DeviceError)) {
          isFatal(error);
          // The task hears nothing any more.
          return await new Promise<never>(() => undefined);
        }
        const number = failures.size + 1;
        failures.set(number, error);
        const { reason, message, deviceMessage } = known;
        const facts = error instanceof ChildError ? error.facts : {};
        throw new TaskCallError(number, reason, message, { ...facts, ...(deviceMessage && { deviceMessage }) });
      }
    },
  };
}

/** How it ended by itself, or was ended when it had to stop. Throws what ends the attempt whatever the task says. */
async function endOf(
  { signal, urgentSignal, hardSignal, timer, stopCause }: WorkContext,
  run: RunningTask,
  fatal: Promise<{ readonly fatal: unknown }>,
): Promise<TaskEnd> {
  const kill = (): void => run.kill();
  const tell = (): void => run.abort(stopCause() ?? "stopped");
  const hurry = (): void => timer(killGraceMs, kill);
  const listeners = [
    [hardSignal, kill],
    [urgentSignal, hurry],
    [signal, tell],
  ] as const;
  for (const [one, listener] of listeners) {
    if (one.aborted) listener();
    one.addEventListener("abort", listener, { once: true });
  }
  try {
    const first = await Promise.race([run.ended, fatal]);
    if ("how" in first) return first;
    run.kill();
    throw first.fatal;
  } finally {
    for (const [one, listener] of listeners) one.removeEventListener("abort", listener);
  }
}

/** The answer as JSON, if there is one. Throws what the attempt fails with. */
function answerOf(
  tasks: TaskRunner,
  type: TaskType,
  end: TaskEnd,
  course: {
    readonly calls: ReturnType<typeof createCalls>;
    readonly steps: TaskSteps;
    readonly redactor: Redactor;
    readonly deferrals: number;
  },
): string | undefined {
  const { calls, steps, redactor, deferrals } = course;
  switch (end.how) {
    case "answered": {
      const answer = end.output === undefined ? undefined : clean(JSON.parse(end.output), redactor);
      const wrong = answer === undefined && !type.output ? undefined : tasks.problemOf(type, "output", answer ?? null);
      if (wrong !== undefined) throw new AttemptError("TASK_OUTPUT_INVALID", `the answer does not fit: ${wrong}`);
      return answer === undefined ? undefined : JSON.stringify(answer);
    }
    case "threw": {
      const { name, message, code, retry, retryAfterMs, failure } = end.thrown;
      const device = calls.failure(failure);
      if (device !== undefined) throw device;
      throw new AttemptError(
        "TASK_FAILED",
        redactor.redact(message),
        { name, ...(code === undefined ? {} : { code }) },
        undefined,
        { final: retry !== true, ...(retryAfterMs === undefined ? {} : { notBeforeMs: retryAfterMs }) },
      );
    }
    case "deferred": {
      const reason = redactor.redact(end.reason);
      if (steps.passed) {
        throw new AttemptError("TASK_MISUSED", `what may have changed something cannot put itself off: ${reason}`);
      }
      if (deferrals >= type.maxDeferrals) {
        throw new AttemptError("TASK_DEFERRED", `put itself off more than ${type.maxDeferrals} times: ${reason}`);
      }
      throw new TaskDeferredError(end.delayMs, reason);
    }
    case "crashed":
      throw new AttemptError("TASK_CRASHED", redactor.redact(`the task's thread ended: ${end.message}`));
    case "killed":
      throw new AttemptError("CANCELLED", "the task was ended");
  }
}

/** A JSON value without secrets in its texts, all of which can be told. Throws for one that is too deep to be shown. */
function clean(value: unknown, redactor: Redactor, levels = deepestJson): unknown {
  const told = (text: string): string => wellFormed(redactor.redact(text));
  if (typeof value === "string") return told(value);
  if (typeof value !== "object" || value === null) return value;
  if (levels === 0) throw new AttemptError("TASK_OUTPUT_INVALID", `the answer is more than ${deepestJson} levels deep`);
  if (Array.isArray(value)) return value.map((item) => clean(item, redactor, levels - 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [told(name), clean(item, redactor, levels - 1)]),
  );
}
