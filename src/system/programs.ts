import { spawn } from "node:child_process";
import type { ProgramRunner } from "../domain/programs.js";

/**
 * Runs programs of this machine: no shell, nothing on standard input, the leader of a process group of its own, so that
 * it can be killed with its children.
 */
export const systemPrograms: ProgramRunner = {
  run({ argv, env, directory, onOutput }) {
    const [program = "", ...words] = argv;
    const child = spawn(program, words, {
      env,
      cwd: directory,
      detached: true,
      shell: false,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const kill = (signal: "SIGTERM" | "SIGKILL"): void => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, signal);
      } catch {
        // Nothing of the group is left.
      }
    };
    child.stdout.on("data", (bytes: Buffer) => onOutput("stdout", bytes, child.stdout));
    child.stderr.on("data", (bytes: Buffer) => onOutput("stderr", bytes, child.stderr));
    const ended = new Promise<{ exitStatus?: number; signal?: string }>((resolve, reject) => {
      child.once("error", reject);
      // What its children still hold open is not waited for: they go with it.
      child.once("exit", () => kill("SIGKILL"));
      child.once("close", (code, signal) =>
        resolve({ ...(code === null ? {} : { exitStatus: code }), ...(signal === null ? {} : { signal }) }),
      );
    });
    return { ended, kill };
  },
};
