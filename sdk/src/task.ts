import type { DescMessage, JsonValue, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { FromSchema, JsonSchema } from "./from-schema.js";
import type { TaskContext } from "./task-context.js";

/** Types of tasks: kinds of jobs of your own, which workers load from modules (their setting `worker.task_modules`). */
export type { FromSchema, JsonSchema } from "./from-schema.js";
export {
  isTaskDeviceError,
  type TaskCommandOptions,
  type TaskCommandResult,
  type TaskConfigureOptions,
  type TaskConfigureResult,
  type TaskContext,
  type TaskDevice,
  type TaskDeviceError,
  type TaskOwnDevice,
  TaskError,
} from "./task-context.js";

/** What an input or an output must be: a JSON schema, or a protobuf message as protobuf-es generates it. */
export type TaskSchemaInit = JsonSchema | DescMessage;

/** The value that a task gets: of the schema's type. */
export type TaskInput<Schema> = Schema extends DescMessage
  ? MessageShape<Schema>
  : Schema extends undefined
    ? JsonValue
    : FromSchema<Schema>;

/** The value that a task answers with. */
export type TaskOutput<Schema> = Schema extends DescMessage
  ? MessageInitShape<Schema>
  : Schema extends undefined
    ? JsonValue | undefined | void
    : FromSchema<Schema>;

/** A type of task. */
export interface TaskInit<
  Input extends TaskSchemaInit | undefined = undefined,
  Output extends TaskSchemaInit | undefined = undefined,
> {
  /** What jobs call it by: lower-case letters, digits, dots, dashes and underscores, at most 63. */
  readonly name: string;
  /** What it does, for people. At most 1,024 characters. */
  readonly description?: string;
  /** Names and values to find it by. At most 16. */
  readonly labels?: Readonly<Record<string, string>>;
  /** What its input must be; the server refuses any other. Default: any JSON. */
  readonly input?: Input;
  /** What its output is. Default: any JSON, or none. */
  readonly output?: Output;
  /**
   * What doing it again would mean. READ_ONLY changes nothing: it may type read-only lines alone, and is tried again freely.
   * IDEMPOTENT may change things, and may be done again. AT_MOST_ONCE is not done again once it may have changed something.
   */
  readonly delivery: "READ_ONLY" | "IDEMPOTENT" | "AT_MOST_ONCE";
  /**
   * Of AT_MOST_ONCE work without a device: it awaits `intent()` itself before its first change, so that it can put itself off
   * and begin anew before that. Default: its first line of code is taken for its first change.
   */
  readonly declaresIntent?: boolean;
  /** How often a job may put itself off. 0 to 1,000; default 100. */
  readonly maxDeferrals?: number;
  /** Does the work. What it throws ends the job FAILED. */
  run(context: TaskContext<TaskInput<Input>>): TaskOutput<Output> | Promise<TaskOutput<Output>>;
}

/** A type of task, as a module exports it. */
export interface TaskDefinition<
  Input extends TaskSchemaInit | undefined = TaskSchemaInit | undefined,
  Output extends TaskSchemaInit | undefined = TaskSchemaInit | undefined,
> extends Required<Pick<TaskInit, "name" | "description" | "labels" | "delivery" | "maxDeferrals" | "declaresIntent">> {
  readonly input: Input;
  readonly output: Output;
  readonly run: (context: TaskContext<TaskInput<Input>>) => TaskOutput<Output> | Promise<TaskOutput<Output>>;
  /** Tells it from everything else that a module exports. */
  readonly isPointsmanTask: true;
}

/**
 * Defines a type of task. A module exports any number of them, under whatever names. The types of input and output follow
 * from the schemas. Throws a TypeError for what can be none.
 */
export function defineTask<
  const Input extends TaskSchemaInit | undefined = undefined,
  const Output extends TaskSchemaInit | undefined = undefined,
>(init: TaskInit<Input, Output>): TaskDefinition<Input, Output> {
  const { name, description = "", labels = {}, delivery, maxDeferrals = 100, declaresIntent = false } = init;
  const check = (fits: boolean, what: string): void => {
    if (!fits) throw new TypeError(`task ${JSON.stringify(name)}: ${what}`);
  };
  check(/^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/.test(name), "name must be lower-case letters, digits, '.', '-', '_'");
  check(description.length <= 1_024, "description has more than 1,024 characters");
  check(Object.keys(labels).length <= 16, "has more than 16 labels");
  check(
    ["READ_ONLY", "IDEMPOTENT", "AT_MOST_ONCE"].includes(delivery),
    "delivery must say what repeating it would mean",
  );
  check(
    Number.isInteger(maxDeferrals) && maxDeferrals >= 0 && maxDeferrals <= 1_000,
    "maxDeferrals must be 0 to 1,000",
  );
  check(typeof init.run === "function", "has no run");
  return {
    ...{ name, description, labels, delivery, maxDeferrals, declaresIntent, isPointsmanTask: true },
    input: init.input as Input,
    output: init.output as Output,
    run: (context) => init.run(context),
  };
}
