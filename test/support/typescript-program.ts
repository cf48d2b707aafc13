import { fileURLToPath } from "node:url";

const runner = fileURLToPath(new URL("./run-typescript.mjs", import.meta.url));

/** What Node is given to run a program of the tests in a process of its own: a script, then that program and its arguments. */
export function typescriptProgram(program: URL, args: readonly string[]): [script: string, ...args: string[]] {
  return [runner, fileURLToPath(program), ...args];
}
