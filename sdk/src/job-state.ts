import { toJson, type JsonValue } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { JobState, type CommandResult, type Job } from "./v1.js";

const final: ReadonlySet<JobState> = new Set([
  JobState.SUCCEEDED,
  JobState.FAILED,
  JobState.CANCELLED,
  JobState.EXPIRED,
  JobState.INDETERMINATE,
]);

/** Whether a job in this state has ended. INDETERMINATE has: it never changes its state, it is only resolved. */
export function isFinal(state: JobState): boolean {
  return final.has(state);
}

/** The results of a job's commands, or of its task's, in their order; empty for other work, and before the first ended. */
export function commandResults({ result }: Job): readonly CommandResult[] {
  const kind = result?.result;
  return kind?.case === "commands" || kind?.case === "task" ? kind.value.commands : [];
}

/** What a job's task answered; undefined when it answered nothing, for other work, and before its end. */
export function taskOutput({ result }: Job): JsonValue | undefined {
  const output = result?.result.case === "task" ? result.result.value.output : undefined;
  return output && toJson(ValueSchema, output);
}
