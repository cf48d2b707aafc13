import { expect } from "vitest";
import { runCli, startCli, type CliResult, type RunningCli } from "../cli/run-cli.js";
import { eventually } from "../support/eventually.js";
import { startOurs, type System } from "../support/system.js";

/** Somebody at a terminal of their own: what they run goes out with their key. */
export interface Person {
  readonly key: string;
  /** Runs a command to its end, with this text as standard input. */
  run(args: readonly string[], stdin?: string): Promise<CliResult>;
  start(args: readonly string[]): RunningCli;
}

/** Gives somebody a key of their own, made by the real command. */
export async function createPerson(at: System, name: string, role: string): Promise<Person> {
  const keys = startOurs(["keys", "create", "--role", role, "--name", name, "--json"], at.env);
  await new Promise((resolve) => keys.child.once("close", resolve));
  const { key } = JSON.parse(keys.log.find((line) => line.startsWith("{")) ?? "{}") as { key: string };
  const setting = (stdin: string) => ({ url: at.url, env: { POINTSMAN_API_KEY: key }, stdin });
  return {
    key,
    run: (args, stdin = "") => runCli(args, setting(stdin)),
    start: (args) => startCli(args, setting("")),
  };
}

/** Runs a command that must succeed, and gives what it printed. */
export async function done(person: Person, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await person.run(args);
  expect({ status, stderr }).toMatchObject({ status: 0 });
  return stdout;
}

/** Creates a job without following it, and gives its id. */
export async function detached(person: Person, ...args: string[]): Promise<string> {
  return (await done(person, "exec", "--detach", ...args)).trim();
}

/** The id of the job that a command follows, once it has said it. */
export function followedBy(cli: RunningCli): Promise<string> {
  return eventually(() => {
    const [id] = /\b[0-9a-z]{26}\b/.exec(cli.stderr()) ?? [];
    if (id === undefined) throw new Error(`no job is named in: ${cli.stderr()}`);
    return id;
  });
}
