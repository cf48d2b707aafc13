import { spawn, spawnSync } from "node:child_process";
import ssh2 from "ssh2";
import { expect, onTestFinished, test } from "vitest";
import { createHostKey } from "../../src/dev/simulator/host-key.js";
import { gatheringLine } from "../support/gathering-line.js";
import { connect, exec, openShell } from "./plain-client.js";
import { access, ADMIN, device, simulate } from "./simulate.js";

test("password and keyboard-interactive both open the door, a wrong password neither", async () => {
  const simulator = await simulate([device("cisco_ios")]);
  const { password, ...without } = access(simulator);
  await (await openShell({ ...without, password: password!, authHandler: ["password"] })).until("r1>");
  const asked: string[] = [];
  const client = new ssh2.Client();
  await new Promise<void>((resolve, reject) => {
    client.on("ready", resolve).on("error", reject);
    client.on("keyboard-interactive", (_name, _instructions, _language, prompts, answer) => {
      asked.push(...prompts.map(({ prompt }) => prompt));
      answer([password!]);
    });
    client.connect({ ...without, tryKeyboard: true, authHandler: ["keyboard-interactive"] });
  });
  client.end();
  expect(asked).toEqual(["Password: "]);
  await expect(connect({ ...without, password: "wrong" })).rejects.toMatchObject({ level: "client-authentication" });
  await expect(connect({ ...without, username: "nobody", password: password! })).rejects.toThrow(/authentication/i);
  expect(JSON.stringify(simulator.journal())).not.toContain(password!);
  expect(JSON.stringify(simulator.journal())).not.toContain("wrong");
});

test("a public key opens the door, another key does not", async () => {
  const mine = createHostKey();
  const other = createHostKey();
  const simulator = await simulate([device("linux", { users: [{ username: "admin", publicKeys: [mine.line] }] })]);
  const { host, port, username } = access(simulator) as { host: string; port: number; username: string };
  const client = await connect({ host, port, username, privateKey: mine.privateKey });
  expect((await exec(client, "whoami")).stdout).toBe("admin\n");
  client.end();
  await expect(connect({ host, port, username, privateKey: other.privateKey })).rejects.toThrow(/authentication/i);
  expect(
    simulator
      .journal()
      .filter(({ kind }) => kind === "auth")
      .map(({ line }) => line),
  ).toEqual(["publickey accepted", "publickey refused"]);
});

test("only the methods that the device offers are open", async () => {
  const simulator = await simulate([device("cisco_ios", { methods: ["keyboard-interactive"] })]);
  await expect(connect({ ...access(simulator), authHandler: ["password"] })).rejects.toThrow(/authentication/i);
  expect(simulator.journal().filter(({ kind }) => kind === "auth")).toEqual([]);
});

test("shows its host key, and another one after a change", async () => {
  const simulator = await simulate([device("cisco_ios")]);
  const router = simulator.device("r1");
  const seen = async (): Promise<string> => {
    let line = "";
    const client = await connect({
      ...access(simulator),
      hostVerifier: (key: Buffer) => {
        line = `ssh-ed25519 ${key.toString("base64")}`;
        return true;
      },
    });
    client.end();
    return line;
  };
  const first = router.hostKeyLine;
  expect(await seen()).toBe(first);
  const second = router.changeHostKey();
  expect(second).not.toBe(first);
  expect(await seen()).toBe(second);
  const given = createHostKey();
  expect(router.changeHostKey(given)).toBe(given.line);
  expect(await seen()).toBe(given.line);
});

test("sends the banner before authentication and names its software", async () => {
  const simulator = await simulate([device("cisco_ios", { banner: "Authorised only\n", motd: "Night shift\n" })]);
  const client = new ssh2.Client();
  const banners: string[] = [];
  let software = "";
  client.on("banner", (text) => banners.push(text));
  await new Promise<void>((resolve, reject) => {
    client.on("ready", resolve).on("error", reject);
    client.connect({
      ...access(simulator),
      debug: (text) => (software = /Remote ident: '([^']*)'/.exec(text)?.[1] ?? software),
    });
  });
  client.end();
  expect(banners).toEqual(["Authorised only\r\n"]);
  expect(software).toBe("SSH-2.0-Cisco-1.25");
  expect(await (await openShell(access(simulator))).until("r1>")).toBe("Night shift\r\n\r\nr1>");
});

test("one port for many devices: the user name says which", async () => {
  const names = Array.from({ length: 50 }, (_none, at) => `r${at + 1}`);
  const simulator = await simulate(
    names.map((name) => device("cisco_ios", { name })),
    { listen: { ports: "one" } },
  );
  expect(new Set(simulator.devices.map(({ port }) => port))).toEqual(new Set([simulator.port]));
  for (const name of ["r1", "r50"]) {
    const shell = await openShell({ port: simulator.port!, username: `admin%${name}`, password: ADMIN.password });
    await shell.until(`${name}>`);
  }
  await expect(connect({ port: simulator.port!, username: "admin%r51", password: ADMIN.password })).rejects.toThrow();
  await expect(connect({ port: simulator.port!, ...ADMIN })).rejects.toThrow();
});

function installed(command: string): boolean {
  return spawnSync(command, ["-V"]).error === undefined;
}

test.skipIf(!installed("ssh") || !installed("sshpass"))(
  "OpenSSH's own client logs in, works interactively and leaves (needs ssh and sshpass)",
  async () => {
    const simulator = await simulate([device("cisco_ios"), device("linux", { name: "srv" })]);
    const line = await gatheringLine(simulator.device("r1").port);
    onTestFinished(line.close);
    const arguments_ = (port: number): string[] => [
      ...["-e", "ssh", "-F", "none", "-tt", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"],
      ...["-o", "LogLevel=ERROR", "-p", String(port), "admin@127.0.0.1"],
    ];
    const environment = { ...process.env, SSHPASS: ADMIN.password, TERM: "vt100" };
    const client = spawn("sshpass", arguments_(line.port), { env: environment, stdio: ["pipe", "pipe", "pipe"] });
    let seen = "";
    client.stdout.on("data", (data: Buffer) => (seen += data.toString()));
    const ended = new Promise<number | null>((resolve) => client.on("close", resolve));
    await simulator.find(({ kind, mode }) => kind === "open" && mode === "shell");
    client.stdin.write("terminal length 0\rshow ip interface brief\rexit\r");
    await ended;
    expect(seen).toMatch(/r1>show ip interface brief\r\n[^]*Loopback0[^]*r1>exit\r\n/);
    const once = spawn(
      "sshpass",
      [...arguments_(simulator.device("srv").port).filter((word) => word !== "-tt"), "uname -n; exit 4"],
      {
        env: environment,
        stdio: ["ignore", "pipe", "ignore"],
      },
    );
    let printed = "";
    once.stdout.on("data", (data: Buffer) => (printed += data.toString()));
    expect(await new Promise((resolve) => once.on("close", resolve))).toBe(4);
    expect(printed).toBe("srv\n");
  },
);
