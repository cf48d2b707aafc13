import { toJson } from "@pointsman/sdk";
import { type JobResult, TaskResultSchema } from "@pointsman/sdk/v1";

/**
 * What a job gave, as lines: each command behind a "$", the difference that a configuration made, the answer of a task or
 * of a call, or what a program printed.
 */
export function resultLines(result: JobResult | undefined): string[] {
  if (result?.result.case !== "commands") return printedLines(result);
  return result.result.value.commands.flatMap(({ command, output }) => [`$ ${command}`, ...linesOf(output)]);
}

/** The same without the commands: what a device, a program or an endpoint printed, and a program's errors behind it. */
export function printedLines(result: JobResult | undefined): string[] {
  const kind = result?.result;
  switch (kind?.case) {
    case "commands":
      return kind.value.commands.flatMap(({ output }) => linesOf(output));
    case "configure":
      return linesOf(kind.value.diff?.text ?? "");
    case "shell":
      return [...linesOf(kind.value.stdout), ...linesOf(kind.value.stderr)];
    case "http":
      return linesOf(kind.value.body);
    case "task": {
      const { output } = toJson(TaskResultSchema, kind.value) as { readonly output?: unknown };
      return output === undefined ? [] : [JSON.stringify(output)];
    }
    default:
      return [];
  }
}

function linesOf(text: string): string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}
