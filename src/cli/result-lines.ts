import type { JobResult } from "@pointsman/sdk/v1";

/** What a job gave, as lines: each command behind a "$", or the difference that a configuration made. */
export function resultLines(result: JobResult | undefined): string[] {
  switch (result?.result.case) {
    case "commands":
      return result.result.value.commands.flatMap(({ command, output }) => [`$ ${command}`, ...linesOf(output)]);
    case "configure":
      return linesOf(result.result.value.diff?.text ?? "");
    default:
      return [];
  }
}

function linesOf(text: string): string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}
