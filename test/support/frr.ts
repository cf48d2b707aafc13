import { execFile, execFileSync, spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { eventually } from "./eventually.js";
import { freePort } from "./free-port.js";
import { isInstalled } from "./openssh.js";

const daemons = "/usr/lib/frr";
const daemonNames = ["zebra", "staticd"] as const;
const vtysh = "/usr/bin/vtysh";
const telnet = "/usr/bin/inetutils-telnet";

/** False where FRRouting is not installed or the user may not start it (its daemons insist on their own user). */
export function hasFrr(): boolean {
  return isInstalled(`${daemons}/staticd`, "frr") && isInstalled(vtysh, "frr") && userInfo().uid === 0;
}

/** FRRouting's own daemons without any network of their own, and the command line on top of them. */
export interface Frr {
  /** What an OpenSSH server's ForceCommand has to be, to land in the command line. */
  readonly forceCommand: string;
  /** What the command line itself prints for one command. */
  vtysh(command: string): Promise<string>;
  /** Ends one of the daemons like a crash. */
  kill(daemon: (typeof daemonNames)[number]): Promise<void>;
  /** Takes from the daemons the right to write their configuration. */
  forbidSaving(): void;
  stop(): Promise<void>;
}

/** Passwords of the terminal of a daemon. */
export const terminalLogin = { password: "zebra", enableSecret: "secret" };

/** False where the client for a daemon's terminal is not installed. */
export function hasTelnet(): boolean {
  return isInstalled(telnet, "inetutils-telnet");
}

/**
 * Starts zebra and staticd with `hostname`; `config` are further lines of zebra's configuration. With `transactional`,
 * staticd edits a candidate (`--tcli`) and what is landed in is its own terminal, behind telnet and its password.
 */
export async function startFrr(
  hostname: string,
  config: readonly string[] = [],
  { transactional = false }: { readonly transactional?: boolean } = {},
): Promise<Frr> {
  const port = transactional ? await freePort() : 0;
  const dir = await mkdtemp(join(tmpdir(), "pointsman-frr-"));
  await chmod(dir, 0o755);
  const started: ChildProcess[] = [];
  const end = async (child: ChildProcess, signal: "SIGTERM" | "SIGKILL"): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await gone;
  };
  const stop = async (): Promise<void> => {
    await Promise.all(started.map((child) => end(child, "SIGTERM")));
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await writeFile(join(dir, "vtysh.conf"), `no service integrated-vtysh-config\nhostname ${hostname}\n`);
    for (const daemon of daemonNames) {
      const file = join(dir, `${daemon}.conf`);
      const { password, enableSecret } = terminalLogin;
      const passwords = transactional ? [`password ${password}`, `enable password ${enableSecret}`] : [];
      const own = daemon === "zebra" ? config : passwords;
      await writeFile(file, [`hostname ${hostname}`, ...own, ""].join("\n"));
      execFileSync("chown", ["-R", "frr:frr", dir]);
      const child = spawn(
        `${daemons}/${daemon}`,
        [
          ...["-z", join(dir, "zserv.api"), "--vty_socket", dir, "-f", file, "-i", join(dir, `${daemon}.pid`)],
          ...(transactional && daemon === "staticd" ? ["--tcli", "-A", "127.0.0.1", "-P", String(port)] : ["-P", "0"]),
        ],
        { stdio: "ignore" },
      );
      started.push(child);
      await eventually(() => {
        if (child.exitCode !== null) throw new Error(`${daemon} ended with ${child.exitCode}`);
        if (!existsSync(join(dir, `${daemon}.vty`))) throw new Error(`${daemon} is not up`);
      });
    }
  } catch (error) {
    await stop();
    throw error;
  }
  const options = ["--vty_socket", dir, "--config_dir", dir];
  return {
    forceCommand: transactional ? `${telnet} -E 127.0.0.1 ${port}` : [vtysh, ...options].join(" "),
    vtysh: async (command) =>
      (await promisify(execFile)(vtysh, [...options, "-c", command], { maxBuffer: 64 * 1024 * 1024 })).stdout,
    kill: async (daemon) => {
      const child = started[daemonNames.indexOf(daemon)];
      if (child) await end(child, "SIGKILL");
    },
    forbidSaving: () => void execFileSync("chown", ["root:root", dir]),
    stop,
  };
}
