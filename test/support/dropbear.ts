import { execFileSync, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { eventually } from "./eventually.js";
import { freePort } from "./free-port.js";
import { isInstalled, answers, type OpenSshServer } from "./openssh.js";

const dropbear = "/usr/sbin/dropbear";
const username = "tester";

/** False where dropbear is not installed; an error in CI. */
export function hasDropbear(): boolean {
  return isInstalled(dropbear, "dropbear-bin") && isInstalled("/usr/share/doc/libnss-wrapper", "libnss-wrapper");
}

/** A dropbear on loopback that lets the current user in with a key: an SSH server that is not OpenSSH. */
export async function startDropbear(): Promise<Omit<OpenSshServer, "hostKey">> {
  const dir = await mkdtemp(join(tmpdir(), "pointsman-dropbear-"));
  const home = join(dir, "home");
  mkdirSync(join(home, ".ssh"), { recursive: true, mode: 0o700 });
  execFileSync("dropbearkey", ["-t", "ecdsa", "-f", join(dir, "host")], { stdio: "ignore" });
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", join(dir, "user")]);
  await writeFile(join(home, ".ssh", "authorized_keys"), await readFile(join(dir, "user.pub")), { mode: 0o600 });
  const port = await freePort();
  const options = ["-F", "-E", "-s", "-r", join(dir, "host"), "-p", `127.0.0.1:${port}`, "-P", join(dir, "pid")];
  // It takes a user's home from the system; this tells it of another one.
  const { uid, gid } = userInfo();
  await writeFile(join(dir, "passwd"), `${username}:x:${uid}:${gid}::${home}:/bin/sh\n`);
  await writeFile(join(dir, "group"), `${username}:x:${gid}:\n`);
  const env = {
    ...process.env,
    LD_PRELOAD: "libnss_wrapper.so",
    NSS_WRAPPER_PASSWD: join(dir, "passwd"),
    NSS_WRAPPER_GROUP: join(dir, "group"),
  };
  const child = spawn(dropbear, options, { stdio: "ignore", env });
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      await gone;
    }
    await rm(dir, { recursive: true, force: true });
  };
  await eventually(() => answers(port)).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return { port, username, privateKey: await readFile(join(dir, "user"), "utf8"), stop };
}
