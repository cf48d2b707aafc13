import { toJson } from "@pointsman/sdk";
import { type JobResult, TaskResultSchema } from "@pointsman/sdk/v1";

/**
 * What a job gave, as lines: each command behind a "$", the difference that a configuration made, or the answer of a task.
 */
export function resultLines(result: JobResult | undefined): string[] {
  switch (result?.result.case) {
    case "commands":
      return result.result.value.commands.flatMap(({ command, output }) => [`$ ${command}`, ...linesOf(output)]);
    case "configure":
      return linesOf(result.result.value.diff?.text ?? "");
    case "task": {
      const { output } = toJson(TaskResultSchema, result.result.value) as { readonly output?: unknown };
      return output === undefined ? [] : [JSON.stringify(output)];
    }
    default:
      return [];
  }
}

function linesOf(text: string): string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}
