import type { TaskInput } from "@pointsman/sdk";
import { readTextFile } from "../terminal/command.js";
import { UsageError } from "../terminal/parse.js";

/** The input of a task, as JSON or as "@" and the name of a file that holds it. */
export async function parseInput(given: string | undefined): Promise<TaskInput["input"]> {
  if (given === undefined) return undefined;
  const text = given.startsWith("@") ? await readTextFile(given.slice(1)) : given;
  try {
    return JSON.parse(text) as TaskInput["input"];
  } catch (error) {
    throw new UsageError(`--input is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}
