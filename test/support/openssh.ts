import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { eventually } from "./eventually.js";
import { freePort } from "./free-port.js";

const sshd = "/usr/sbin/sshd";

/** False where OpenSSH's server is not installed. In CI that is an error: a suite that skips itself proves nothing. */
export function hasOpenSsh(): boolean {
  return isInstalled(sshd, "openssh-server");
}

/** Whether a program is there; throws in CI when it is not. */
export function isInstalled(path: string, packageName: string): boolean {
  if (existsSync(path)) return true;
  if (process.env["CI"]) throw new Error(`${path} is missing: install ${packageName}`);
  return false;
}

/** A private OpenSSH server on loopback that lets the current user in with a key. */
export interface OpenSshServer {
  readonly port: number;
  readonly username: string;
  readonly privateKey: string;
  /** `ssh-ed25519 AAAA…` */
  readonly hostKey: string;
  stop(): Promise<void>;
}

/** Starts one; `config` are further lines of sshd_config, which win over the defaults here. */
export async function startOpenSsh(config: readonly string[] = []): Promise<OpenSshServer> {
  const dir = await mkdtemp(join(tmpdir(), "pointsman-sshd-"));
  for (const [name, type, bits] of [
    ["host_ed25519", "ed25519", "256"],
    ["host_rsa", "rsa", "2048"],
    ["user", "ed25519", "256"],
  ] as const) {
    execFileSync("ssh-keygen", ["-q", "-t", type, "-b", bits, "-N", "", "-C", "", "-f", join(dir, name)]);
  }
  const userKey = await readFile(join(dir, "user.pub"), "utf8");
  await writeFile(join(dir, "authorized_keys"), userKey, { mode: 0o600 });
  if (userInfo().uid === 0) mkdirSync("/run/sshd", { recursive: true });
  const port = await freePort();
  await writeFile(
    join(dir, "sshd_config"),
    [
      ...config,
      `Port ${port}`,
      "ListenAddress 127.0.0.1",
      `HostKey ${dir}/host_ed25519`,
      `HostKey ${dir}/host_rsa`,
      `AuthorizedKeysFile ${dir}/authorized_keys`,
      `PidFile ${dir}/sshd.pid`,
      "StrictModes no",
      "UsePAM no",
      "UseDNS no",
      "PermitRootLogin yes",
      "PasswordAuthentication no",
      "KbdInteractiveAuthentication no",
      "PrintMotd no",
      "PrintLastLog no",
      // Of this one the last line wins.
      ...(config.some((line) => line.startsWith("MaxStartups")) ? [] : ["MaxStartups 1000:30:2000"]),
      "",
    ].join("\n"),
  );
  const child = spawn(sshd, ["-D", "-e", "-f", join(dir, "sshd_config")], { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  child.stderr.on("data", (bytes: Buffer) => (log += bytes.toString()));
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      await gone;
    }
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(`sshd ended: ${log}`);
      await answers(port);
    });
  } catch (error) {
    await stop();
    throw error;
  }
  const [type = "", key = ""] = (await readFile(join(dir, "host_ed25519.pub"), "utf8")).split(" ");
  return {
    port,
    username: userInfo().username,
    privateKey: await readFile(join(dir, "user"), "utf8"),
    hostKey: `${type} ${key.trim()}`,
    stop,
  };
}

/** Resolves when something is said by whoever listens on the port. */
export function answers(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("it hung up without a word")));
    socket.once("data", () => {
      socket.destroy();
      resolve();
    });
  });
}
