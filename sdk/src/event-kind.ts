import { JobEventKind, type JobEvent } from "./v1.js";

/** Kinds of events: a "command" is its beginning and its end. */
export type JobEventKindName = "state" | "output" | "command" | "log" | "progress" | "cancel" | "resolved";

const numbers: Readonly<Record<JobEventKindName, JobEventKind>> = {
  state: JobEventKind.STATE,
  output: JobEventKind.OUTPUT,
  command: JobEventKind.COMMAND,
  log: JobEventKind.LOG,
  progress: JobEventKind.PROGRESS,
  cancel: JobEventKind.CANCEL,
  resolved: JobEventKind.RESOLVED,
};

/** Kinds as the contract has them. */
export function eventKindNumbers(kinds: readonly JobEventKindName[] = []): JobEventKind[] {
  return kinds.map((kind) => numbers[kind]);
}

/** Whether an event is a change of state. */
export function isStateChange({ event }: JobEvent): boolean {
  return event.case === "stateChanged";
}
