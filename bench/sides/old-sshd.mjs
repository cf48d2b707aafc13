import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const sshd = "/usr/sbin/sshd";
const moduli = "/etc/ssh/moduli";

/** Groups of 8,192 bits, as OpenSSH comes with; none where it is not installed. */
function largestGroups() {
  if (!existsSync(sshd) || !existsSync(moduli)) return [];
  return readFileSync(moduli, "utf8")
    .split("\n")
    .filter((line) => line.split(" ")[4] === "8191");
}

/** An OpenSSH server that offers nothing but group exchange, with groups of 8,192 bits. Undefined without OpenSSH. */
export async function startOldSshd() {
  const groups = largestGroups();
  if (groups.length === 0) return undefined;
  const dir = await mkdtemp(join(tmpdir(), "pm-bench-sshd-"));
  for (const name of ["host", "user"]) {
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", join(dir, name)]);
  }
  const key = (name) => readFileSync(join(dir, name), "utf8");
  writeFileSync(join(dir, "authorized_keys"), key("user.pub"), { mode: 0o600 });
  writeFileSync(join(dir, "moduli"), `${groups.join("\n")}\n`);
  if (userInfo().uid === 0) mkdirSync("/run/sshd", { recursive: true });
  const port = await freePort();
  const config = [
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    `HostKey ${dir}/host`,
    `AuthorizedKeysFile ${dir}/authorized_keys`,
    `PidFile ${dir}/sshd.pid`,
    `ModuliFile ${dir}/moduli`,
    "KexAlgorithms diffie-hellman-group-exchange-sha256",
    "MaxStartups 1000:30:2000",
    ...["StrictModes no", "UsePAM no", "UseDNS no", "PermitRootLogin yes", "PasswordAuthentication no", "PrintMotd no"],
  ];
  writeFileSync(join(dir, "sshd_config"), `${config.join("\n")}\n`);
  const child = spawn(sshd, ["-D", "-e", "-f", join(dir, "sshd_config")], { stdio: ["ignore", "ignore", "pipe"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  await new Promise((listens, fails) => {
    createInterface(child.stderr).on("line", (line) => line.includes("Server listening") && listens());
    void ended.then(() => fails(new Error("sshd did not start")));
  });
  const device = {
    ...{ name: "old", host: "127.0.0.1", port, platform: "linux" },
    ...{ username: userInfo().username, privateKey: key("user"), hostKeyLine: key("host.pub").trim() },
  };
  return {
    /** So many devices, all of them this server. */
    devices: (count) => Array.from({ length: count }, (_, n) => ({ ...device, name: `old${n}` })),
    async stop() {
      child.kill("SIGTERM");
      await ended;
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function freePort() {
  const server = createServer();
  await new Promise((listens) => server.listen(0, "127.0.0.1", listens));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}
