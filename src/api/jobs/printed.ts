import { toJsonString } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import type { JobResult } from "@pointsman/sdk/v1";

/** What a job printed, told apart as programs do. */
export interface Printed {
  readonly stdout: string;
  readonly stderr: string;
  /** Of the last command that has one. */
  readonly exitStatus?: number;
}

/** What a result holds of what was printed. Devices report errors among their output: those lines stand in `stderr`. */
export function printedBy({ result }: JobResult): Printed {
  switch (result.case) {
    case "commands": {
      const { commands } = result.value;
      const exitStatus = commands.findLast((command) => command.exitStatus !== undefined)?.exitStatus;
      return {
        stdout: joined(commands.map(({ output }) => output)),
        stderr: joined(commands.flatMap(({ errorLines }) => errorLines)),
        ...(exitStatus !== undefined && { exitStatus }),
      };
    }
    case "probe":
      return { stdout: result.value.prompt, stderr: "" };
    case "configure": {
      const { lines, diff } = result.value;
      return { stdout: diff?.text ?? "", stderr: joined(lines.flatMap(({ errorLines }) => errorLines)) };
    }
    case "shell": {
      const { stdout, stderr, exitStatus } = result.value;
      return { stdout, stderr, ...(exitStatus !== undefined && { exitStatus }) };
    }
    case "task":
      return { stdout: result.value.output ? toJsonString(ValueSchema, result.value.output) : "", stderr: "" };
    case "http":
      return { stdout: result.value.body, stderr: "" };
    default:
      return { stdout: "", stderr: "" };
  }
}

/** Whether some of what a job printed is not there any more, so that a text without it would read as if it never had been. */
export function lacksOutput({ result }: JobResult): boolean {
  switch (result.case) {
    case "commands":
      return result.value.commands.some(({ outputExpired }) => outputExpired);
    case "configure": {
      const { before, checks, lines, diff, after } = result.value;
      const texts = [before, ...checks.map(({ output }) => output), ...lines.map(({ output }) => output), diff, after];
      return texts.some((text) => text?.expired === true);
    }
    case "shell":
      return result.value.outputExpired;
    case "task":
      return result.value.outputExpired || result.value.commands.some(({ outputExpired }) => outputExpired);
    case "http":
      return result.value.bodyExpired;
    default:
      return false;
  }
}

/** Texts one after the other, each from the beginning of a line. */
function joined(texts: readonly string[]): string {
  return texts.filter((text) => text !== "").join("\n");
}
