import { toJsonString } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import type { JobResult } from "@pointsman/sdk/v1";

/** A result as text that two runs can be compared by: what was asked and what was printed, without times. */
export function resultText({ result }: JobResult): string {
  switch (result.case) {
    case "commands":
      return result.value.commands.map(({ command, output }) => `$ ${command}\n${withEnd(output)}`).join("");
    case "configure":
      return result.value.diff ? withEnd(result.value.diff.text) : "";
    case "shell":
      return withEnd(result.value.stdout) + withEnd(result.value.stderr);
    case "task":
      return result.value.output ? withEnd(toJsonString(ValueSchema, result.value.output, { prettySpaces: 2 })) : "";
    case "http":
      return `${result.value.status}\n${withEnd(result.value.body)}`;
    default:
      return "";
  }
}

function withEnd(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}
