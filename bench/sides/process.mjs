import { spawn } from "node:child_process";
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const lookMs = 20;

/**
 * Starts a Node process and waits for the line, a JSON object, that holds `ready`. What it says goes into a file: reading
 * along would be work of this process for each of its lines.
 */
export async function startProcess(args, env, ready) {
  const dir = await mkdtemp(join(tmpdir(), "pm-bench-said-"));
  const file = join(dir, "said");
  const out = await open(file, "a");
  // The kernel ends it when the bench is gone, however that ended.
  const [program, ...given] =
    process.platform === "linux"
      ? ["setpriv", "--pdeathsig", "KILL", "--", process.execPath, ...args]
      : [process.execPath, ...args];
  const child = spawn(program, given, { env: { ...process.env, ...env }, stdio: ["ignore", out.fd, out.fd] });
  await out.close();
  const ended = new Promise((resolve) => child.once("exit", resolve));
  let gone = false;
  void ended.then(() => (gone = true));
  let said;
  while (said === undefined) {
    const last = gone;
    const lines = (await readFile(file, "utf8")).split("\n").slice(0, -1);
    said = lines.find((line) => line.includes(ready));
    if (said === undefined && last) throw new Error(`${args.join(" ")} did not start: ${lines.slice(-5).join(" | ")}`);
    if (said === undefined) await pause(lookMs);
  }
  return {
    pid: child.pid,
    said: JSON.parse(said),
    async stop() {
      child.kill("SIGTERM");
      await ended;
      await rm(dir, { recursive: true, force: true });
    },
  };
}
