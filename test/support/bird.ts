import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "./eventually.js";
import { isInstalled } from "./openssh.js";

const daemon = "/usr/sbin/bird";
const client = "/usr/sbin/birdc";

/** False where BIRD is not installed. */
export function hasBird(): boolean {
  return isInstalled(daemon, "bird2") && isInstalled(client, "bird2");
}

/** BIRD without any network of its own, and its command line. */
export interface Bird {
  /** What an OpenSSH server's ForceCommand has to be, to land in the command line. */
  readonly forceCommand: string;
  /** Writes a file of configuration, with these networks as static routes, and gives its path. */
  configuration(networks: readonly string[], name?: string): Promise<string>;
  /** Stands still as if it were busy, and goes on. */
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

/** Starts it with these networks as static routes. */
export async function startBird(networks: readonly string[]): Promise<Bird> {
  const dir = await mkdtemp(join(tmpdir(), "pointsman-bird-"));
  const socket = join(dir, "bird.ctl");
  const configuration = async (routes: readonly string[], name = "bird.conf"): Promise<string> => {
    const lines = routes.map((network) => `route ${network} blackhole;`);
    await writeFile(
      join(dir, name),
      ["router id 10.0.0.1;", "protocol static s1 {", "ipv4;", ...lines, "}", ""].join("\n"),
    );
    return join(dir, name);
  };
  const file = await configuration(networks);
  const child: ChildProcess = spawn(daemon, ["-f", "-c", file, "-s", socket, "-P", join(dir, "bird.pid")], {
    stdio: "ignore",
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGCONT");
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      await gone;
    }
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await eventually(() => {
      if (child.exitCode !== null) throw new Error(`bird ended with ${child.exitCode}`);
      if (!existsSync(socket)) throw new Error("bird is not up");
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    forceCommand: `${client} -s ${socket}`,
    configuration,
    pause: () => void child.kill("SIGSTOP"),
    resume: () => void child.kill("SIGCONT"),
    stop,
  };
}
