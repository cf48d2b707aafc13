import type { ChildEnd, ChildWork } from "./child-jobs.js";
import type { LogLevel } from "./job-event.js";
import type { TaskType } from "./task-type.js";

/** What an attempt at a task begins with. */
export interface TaskStart {
  /** Name of its type. */
  readonly type: string;
  /** JSON. */
  readonly input: unknown;
  readonly job: string;
  readonly attempt: number;
  readonly deferrals: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly zone: string;
  readonly node: string;
  /** The job's device, if it has one. */
  readonly device?: { readonly name: string; readonly address: string; readonly platform: string };
  /** The longest answer, as bytes of JSON. */
  readonly outputBytes: number;
}

/** A command line that a task asks for. */
export interface TaskCommand {
  readonly command: string;
  readonly answers: Readonly<Record<string, string>>;
  readonly idleTimeoutMs: number;
  readonly enable: boolean;
  readonly allowRejected: boolean;
}

/** What a command line gave. */
export interface TaskCommandAnswer {
  readonly output: string;
  readonly status: "ok" | "rejected";
  readonly errorLines: readonly string[];
  readonly durationMs: number;
  readonly exitStatus?: number;
}

/** A change of the device's configuration that a task asks for. */
export interface TaskConfiguration {
  readonly lines: readonly string[];
  /** Only what it would change. */
  readonly plan: boolean;
  readonly save: boolean;
  readonly acceptUnproven: boolean;
}

/** What became of it. */
export interface TaskConfigurationAnswer {
  readonly diff: string;
  readonly committed: boolean;
  readonly saved: boolean;
}

/** Work on a device that a task asks for and does not hold. */
export interface TaskErrand {
  readonly device: string;
  readonly work: ChildWork;
}

/** What it gave. */
export type TaskErrandAnswer = Pick<ChildEnd, "commands" | "configuration">;

/** What a task can know of a failure beside what it says. */
export interface TaskFailureFacts {
  readonly deviceMessage?: string | undefined;
  /** The child job that failed, and its device. */
  readonly job?: string | undefined;
  readonly device?: string | undefined;
  /** How that job ended. */
  readonly state?: ChildEnd["state"] | undefined;
  readonly effect?: ChildEnd["effect"] | undefined;
}

/** What a task is told of a call that failed. `failure` finds the error again when the task fails with it. */
export class TaskCallError extends Error {
  override readonly name = "TaskCallError";
  readonly failure: number;
  readonly reason: string;
  readonly facts: TaskFailureFacts;
  constructor(failure: number, reason: string, message: string, facts: TaskFailureFacts) {
    super(message);
    this.failure = failure;
    this.reason = reason;
    this.facts = facts;
  }
}

/** What a task does while it runs. */
export interface TaskHooks {
  /** A thread is free and the work begins. */
  began(): void;
  log(level: LogLevel, message: string): void;
  progress(percent: number | undefined, message: string): void;
  /** Rejects with TaskCallError. */
  run(command: TaskCommand): Promise<TaskCommandAnswer>;
  /** Rejects with TaskCallError. */
  configure(configuration: TaskConfiguration): Promise<TaskConfigurationAnswer>;
  /** Rejects with TaskCallError. */
  send(errand: TaskErrand): Promise<TaskErrandAnswer>;
  /** Rejects with TaskCallError. */
  intent(): Promise<void>;
}

/** How an attempt at a task ended. */
export type TaskEnd =
  /** `output` is JSON; absent: it answered nothing. */
  | { readonly how: "answered"; readonly output?: string }
  | { readonly how: "threw"; readonly thrown: ThrownError }
  | { readonly how: "deferred"; readonly delayMs: number; readonly reason: string }
  /** Its thread ended: it ran out of memory, left the process, or an error that nobody caught ended it. */
  | { readonly how: "crashed"; readonly message: string }
  /** We ended it, or it never began. */
  | { readonly how: "killed" };

/** What a task threw, as far as it can be told. */
export interface ThrownError {
  readonly name: string;
  readonly message: string;
  /** Of a TaskError. */
  readonly code?: string;
  readonly retry?: boolean;
  readonly retryAfterMs?: number;
  /** The call that it failed with. */
  readonly failure?: number;
}

/** A task under way. */
export interface RunningTask {
  readonly ended: Promise<TaskEnd>;
  /** It has a thread, or gets one as soon as that is made; otherwise it waits for one. */
  readonly hasThread: boolean;
  /** Tells it that it has to stop. */
  abort(cause: string): void;
  /** Ends it, whatever it does. */
  kill(): void;
}

/** Runs tasks, each apart from everything else. */
export interface TaskRunner {
  /** Loads the modules. Rejects when one of them cannot be loaded. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** The types that the modules define. None before the start. */
  readonly types: ReadonlyMap<string, TaskType>;
  run(start: TaskStart, hooks: TaskHooks): RunningTask;
  /** What is wrong with a value, for people; undefined for a good one. */
  problemOf(type: TaskType, which: "input" | "output", value: unknown): string | undefined;
}
