import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const here = dirname(fileURLToPath(import.meta.url));

/** More than this takes the slow ones too long; they work at each device alike, so that their rate is the same. */
export const mostDevices = { paramiko: 200, asyncssh: 200, netmiko: 100, ansible: 20 };

/** The libraries that are installed, by name: the Python that has each, and its version. */
export async function findPeers() {
  const found = new Map();
  for (const name of ["paramiko", "asyncssh", "netmiko"]) {
    for (const python of ["python3", "/usr/bin/python3"]) {
      try {
        const { stdout } = await run(python, ["-c", `import ${name}; print(${name}.__version__)`]);
        found.set(name, { python, version: stdout.trim() });
        break;
      } catch {
        continue;
      }
    }
  }
  try {
    const { stdout } = await run("ansible-playbook", ["--version"]);
    found.set("ansible", { version: /core ([\d.]+)/.exec(stdout)?.[1] ?? "unknown" });
  } catch {
    // Not installed.
  }
  return found;
}

/** Works with a library at devices: seconds and CPU seconds of the first round, with logins, and of the second. */
export async function runPeer(name, { python }, order) {
  if (name === "ansible") return runAnsible(order);
  const child = spawn(python, ["-W", "ignore", `${here}/peers_side.py`, name], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(JSON.stringify(order));
  let said = "";
  for await (const bytes of child.stdout) said += bytes;
  return JSON.parse(said.trim().split("\n").at(-1));
}

/** A playbook with the modules of cisco.ios over network_cli; its connections end with it, so all of it is cold. */
async function runAnsible({ devices, shows, lines, atOnce }) {
  const dir = await mkdtemp(join(tmpdir(), "pm-bench-ansible-"));
  const hosts = devices.map(({ name, host, port }) => `${name} ansible_host=${host} ansible_port=${port}`);
  const login = {
    ansible_connection: "ansible.netcommon.network_cli",
    ansible_network_os: "cisco.ios.ios",
    ...{ ansible_user: "bench", ansible_password: "bench", ansible_host_key_checking: false },
  };
  const vars = Object.entries(login).map(([name, value]) => `${name}=${value}`);
  await writeFile(join(dir, "hosts"), `[all]\n${hosts.join("\n")}\n[all:vars]\n${vars.join("\n")}\n`);
  const tasks = [
    { "cisco.ios.ios_command": { commands: shows } },
    ...(lines.length > 0
      ? [{ "cisco.ios.ios_config": { lines: lines.slice(1).map((line) => line.trim()), parents: lines[0] } }]
      : []),
  ];
  await writeFile(join(dir, "play.yml"), JSON.stringify([{ hosts: "all", gather_facts: false, tasks }]));
  const patience = {
    ANSIBLE_TIMEOUT: "120",
    ANSIBLE_PERSISTENT_CONNECT_TIMEOUT: "300",
    ANSIBLE_PERSISTENT_COMMAND_TIMEOUT: "120",
  };
  const habits = { HOME: dir, ANSIBLE_HOST_KEY_CHECKING: "false", ANSIBLE_PARAMIKO_LOOK_FOR_KEYS: "false" };
  const env = { ...process.env, ...patience, ...habits };
  const begin = performance.now();
  let failed = 0;
  try {
    await run("ansible-playbook", ["-i", "hosts", "-f", String(Math.min(atOnce, 20)), "play.yml"], { cwd: dir, env });
  } catch (error) {
    failed = [...String(error.stdout).matchAll(/(?:unreachable|failed)=[1-9]/g)].length;
    if (failed === 0) throw new Error(`ansible: ${String(error.stdout).slice(-500)}`);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
  return { cold: (performance.now() - begin) / 1_000, failed };
}
