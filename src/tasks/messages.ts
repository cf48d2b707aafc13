import type { LogLevel } from "../domain/job-event.js";
import type {
  TaskCommand,
  TaskCommandAnswer,
  TaskConfiguration,
  TaskConfigurationAnswer,
  TaskEnd,
  TaskErrand,
  TaskErrandAnswer,
  TaskFailureFacts,
  TaskStart,
} from "../domain/task-runner.js";
import type { TaskType } from "../domain/task-type.js";

/** What a task can ask for, and what it is answered. */
export type TaskAsk = TaskCommand | TaskConfiguration | TaskErrand | "intent";
export type TaskAnswer = TaskCommandAnswer | TaskConfigurationAnswer | TaskErrandAnswer | undefined;

/** What a thread is told. */
export type ToThread =
  | { readonly kind: "begin"; readonly start: TaskStart }
  | { readonly kind: "abort"; readonly cause: string }
  | { readonly kind: "answer"; readonly call: number; readonly value: TaskAnswer }
  | {
      readonly kind: "refusal";
      readonly call: number;
      readonly failure: number;
      readonly reason: string;
      readonly message: string;
      readonly facts: TaskFailureFacts;
    };

/** What a thread tells. */
export type FromThread =
  | { readonly kind: "loaded"; readonly types: readonly TaskType[] }
  | { readonly kind: "unloadable"; readonly message: string }
  | { readonly kind: "log"; readonly level: LogLevel; readonly message: string }
  | { readonly kind: "progress"; readonly percent: number | undefined; readonly message: string }
  | { readonly kind: "call"; readonly call: number; readonly ask: TaskAsk }
  /** `clean`: nothing that the task began goes on, so that the thread can be used again. */
  | { readonly kind: "end"; readonly end: TaskEnd; readonly clean: boolean };
