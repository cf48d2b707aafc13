import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { eventually } from "../support/eventually.js";
import { endsWithUs } from "../support/ends-with-us.js";
import { typescriptProgram } from "../support/typescript-program.js";
import type { Point } from "./points.js";
import type { ServerPoint } from "./server-points.js";

/** A real worker or server that stands still at a point. */
export interface Standing {
  readonly log: readonly string[];
  /** What it logs when it claims, or serves. */
  ready(): Promise<Record<string, unknown>>;
  /** Resolves when it has come to its point and stands. */
  standing(): Promise<void>;
  /** Lets it go on. */
  goOn(): void;
  signal(signal: NodeJS.Signals): void;
  /** Ends it at once, if it is still there. */
  end(): Promise<void>;
}

type Env = Readonly<Record<string, string>>;

export function startStanding(role: "worker", point: Point, env: Env): Standing;
export function startStanding(role: "server", point: ServerPoint, env: Env): Standing;
export function startStanding(role: "worker" | "server", point: string, env: Env): Standing {
  const program = new URL(`./${role}.ts`, import.meta.url);
  const child = spawn(...endsWithUs(process.execPath, typescriptProgram(program, [point])), {
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const log: string[] = [];
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => void log.push(line));
  }
  // It may be gone when it is told to go on.
  child.stdin.on("error", () => undefined);
  const said = (words: string): Promise<string> =>
    eventually(() => {
      const line = log.find((one) => one.includes(words));
      if (line === undefined) throw new Error(`no "${words}" in: ${log.join("\n")}`);
      return line;
    }, 300_000);
  return {
    log,
    ready: async () => JSON.parse(await said(`"msg":"${role} ready"`)) as Record<string, unknown>,
    standing: async () => void (await said("reached")),
    goOn: () => void child.stdin.write("\n"),
    signal: (signal) => void child.kill(signal),
    async end() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}
