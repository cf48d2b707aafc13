import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** Starts a Node process and waits for the line, a JSON object, that holds `ready`. */
export async function startProcess(args, env, ready) {
  // The kernel ends it when the bench is gone, however that ended.
  const [program, ...given] =
    process.platform === "linux"
      ? ["setpriv", "--pdeathsig", "KILL", "--", process.execPath, ...args]
      : [process.execPath, ...args];
  const child = spawn(program, given, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const lines = [];
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const said = await new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on("line", (line) => {
        lines.push(line);
        if (line.includes(ready)) resolve(JSON.parse(line));
      });
    }
    void ended.then(() => reject(new Error(`${args.join(" ")} did not start: ${lines.slice(-5).join(" | ")}`)));
  });
  return {
    pid: child.pid,
    said,
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}
