import { describe, expect, test } from "vitest";
import { createSimulator } from "../../src/dev/simulator/simulator.js";
import { systemClock } from "../../src/system/clock.js";
import { createDoor } from "../support/door.js";
import { connect, exec, openShell, type PlainShell } from "./plain-client.js";
import { access, device, SECRET, simulate } from "./simulate.js";

/** The answer alone: without the echoed line in front and the prompt behind. */
async function answer(shell: PlainShell, line: string, prompt: string): Promise<string> {
  const seen = await shell.ask(line, prompt);
  expect(seen.startsWith(`${line}\r\n`)).toBe(true);
  return seen.slice(line.length + 2, -prompt.length).replaceAll("\r\n", "\n");
}

async function enabled(platform: string, sign: string, rows = 0) {
  const simulator = await simulate([device(platform)]);
  const shell = await openShell(access(simulator), rows);
  await shell.until(`r1>${sign}`);
  await shell.ask("enable", "Password: ");
  await shell.ask(SECRET, `r1#${sign}`);
  return { simulator, shell, device: simulator.device("r1") };
}

describe("cisco_ios", () => {
  test("points at the first letter it cannot follow, below the prompt", async () => {
    const { shell } = await enabled("cisco_ios", "");
    expect(await answer(shell, "show ip intx", "r1#")).toBe(
      `${" ".repeat("r1#show ip int".length)}^\n% Invalid input detected at '^' marker.\n\n`,
    );
    expect(await answer(shell, "bogus", "r1#")).toBe("   ^\n% Invalid input detected at '^' marker.\n\n");
    expect(await answer(shell, "show ip", "r1#")).toBe("% Incomplete command.\n\n");
    expect(await answer(shell, "co", "r1#")).toBe('% Ambiguous command:  "co"\n');
  });

  test("asks for the enable secret without echo, and refuses after three wrong ones", async () => {
    const simulator = await simulate([device("cisco_ios")]);
    const shell = await openShell(access(simulator));
    await shell.until("r1>");
    await shell.ask("enable", "Password: ");
    expect(await shell.ask("wrong", "Password: ")).toBe("\r\nPassword: ");
    await shell.ask("wrong", "Password: ");
    expect(await shell.ask("wrong", "r1>")).toBe("\r\n% Bad secrets\r\n\r\nr1>");
    expect(shell.seen).not.toContain("wrong");
  });

  test("understands abbreviations, modes, sections and their way back", async () => {
    const { shell, device } = await enabled("cisco_ios", "");
    expect(await answer(shell, "conf t", "r1(config)#")).toBe(
      "Enter configuration commands, one per line.  End with CNTL/Z.\n",
    );
    await shell.ask("int gi0/1", "r1(config-if)#");
    await shell.ask("desc to the core", "r1(config-if)#");
    await shell.ask("router bgp 65000", "r1(config-router)#");
    await shell.ask("address-family ipv4", "r1(config-router-af)#");
    await shell.ask("exit", "r1(config-router)#");
    await shell.ask("exit", "r1(config)#");
    await shell.ask("interface lo7", "r1(config-if)#");
    expect(await answer(shell, "do sh clock", "r1(config-if)#")).toMatch(/UTC/);
    shell.type("\x1a");
    await shell.until("r1#");
    expect(device.runningConfig).toContain("interface GigabitEthernet0/1\n description to the core\n");
    expect(device.runningConfig).toContain("router bgp 65000\n address-family ipv4\n!\n");
    expect(device.runningConfig).toContain("interface Loopback7\n");
  });

  test("replaces, removes and keeps configuration as the lines say, and shows it", async () => {
    const { shell, device } = await enabled("cisco_ios", "");
    await shell.ask("configure terminal", "#");
    for (const line of [
      "interface GigabitEthernet0/2",
      "no shutdown",
      "description first",
      "description second",
      "ip address 10.9.9.9 255.255.255.0",
      "exit",
      "ntp server 10.0.0.9",
      "ntp server 10.0.0.8",
      "no ntp server 10.0.0.9",
      "interface GigabitEthernet0/1",
      "no description",
      "end",
    ]) {
      expect(await shell.ask(line, "#"), line).not.toContain("%");
    }
    const shown = await answer(shell, "show running-config", "r1#");
    expect(shown).toContain(
      "interface GigabitEthernet0/2\n duplex auto\n speed auto\n description second\n ip address 10.9.9.9 255.255.255.0\n!\n",
    );
    expect(shown).not.toContain("uplink");
    expect(shown).toContain("ntp server 10.0.0.8\n");
    expect(shown).not.toContain("10.0.0.9\n");
    expect(shown).toContain(device.runningConfig);
    expect(shown).toMatch(/\nend\n\n?$/);
  });

  test("refuses a line in configuration mode and stays in its section", async () => {
    const { shell, device } = await enabled("cisco_ios", "");
    await shell.ask("configure terminal", "#");
    await shell.ask("interface GigabitEthernet0/1", "#");
    const before = device.runningConfig;
    expect(await answer(shell, "ip address 10.0.0.999 255.0.0.0", "r1(config-if)#")).toContain("% Invalid input");
    expect(await answer(shell, "no ip", "r1(config-if)#")).toContain("% Incomplete command.");
    expect(device.runningConfig).toBe(before);
  });

  test("changes its prompts at once when it is renamed, in every session", async () => {
    const { simulator, shell } = await enabled("cisco_ios", "");
    const other = await openShell(access(simulator));
    await other.until("r1>");
    await shell.ask("conf t", "r1(config)#");
    await shell.ask("hostname edge-9", "edge-9(config)#");
    await other.ask("", "edge-9>");
    expect(simulator.device("r1").hostname).toBe("edge-9");
  });

  test("shortens a long host name in configuration prompts only", async () => {
    const simulator = await simulate([
      device("cisco_ios", {
        hostname: "a-very-long-name-of-a-router",
        users: [{ username: "admin", password: "correct horse", privileged: true }],
      }),
    ]);
    const shell = await openShell(access(simulator));
    await shell.until("a-very-long-name-of-a-router#");
    await shell.ask("conf t", "\r\na-very-long-name-of-(config)#");
  });

  test("pages by the client's terminal, a line with Enter, a page with space, no more with q", async () => {
    const { shell } = await enabled("cisco_ios", "", 10);
    const more = " --More-- ";
    const erase = "\b".repeat(9) + " ".repeat(8) + "\b".repeat(9);
    const first = await shell.ask("show interfaces", more);
    expect(first.split("\r\n")).toHaveLength(1 + 9 + 1);
    shell.type("\r");
    const line = await shell.until(more);
    expect(line.startsWith(erase)).toBe(true);
    expect(line.split("\r\n")).toHaveLength(2);
    shell.type(" ");
    expect((await shell.until(more)).split("\r\n")).toHaveLength(10);
    shell.type("q");
    expect(await shell.until("r1#")).toBe(`${erase}r1#`);
    await shell.ask("terminal length 0", "r1#");
    expect(await shell.ask("show interfaces", "r1#")).not.toContain("More");
  });

  test("confirms with one key, and a reload forgets what was not saved and cuts every session", async () => {
    const { simulator, shell, device } = await enabled("cisco_ios", "");
    await shell.ask("clear counters", "[confirm]");
    shell.type("n");
    await shell.until("r1#");
    await shell.ask("conf t", "#");
    await shell.ask("hostname saved", "#");
    await shell.ask("end", "#");
    await shell.ask("copy run start", "[startup-config]? ");
    expect(await shell.ask("", "saved#")).toContain("[OK]");
    await shell.ask("conf t", "#");
    await shell.ask("hostname forgotten", "#");
    await shell.ask("end", "#");
    await shell.ask("reload", "[yes/no]: ");
    await shell.ask("no", "[confirm]");
    shell.type("\r");
    await shell.closed;
    expect(device.hostname).toBe("saved");
    const again = await openShell(access(simulator));
    await again.until("saved>");
  });

  test("streams until Ctrl-C and takes the next command then", async () => {
    const { shell } = await enabled("cisco_ios", "");
    shell.type("show tech-support\r");
    await shell.until(/(?:process cpu[^]*){3}/);
    shell.type("\x03");
    await shell.until("r1#");
    expect(await answer(shell, "show clock", "r1#")).toMatch(
      /^\*\d\d:\d\d:\d\d\.\d{3} UTC \w{3} \w{3} [ \d]\d \d{4}\n$/,
    );
  });

  test("filters output behind a pipe", async () => {
    const { shell } = await enabled("cisco_ios", "");
    expect(await answer(shell, "show ip interface brief | include Loop", "r1#")).toBe(
      "Loopback0                  198.51.100.1    YES NVRAM  up                    up      \n",
    );
    expect(await answer(shell, "show run | section Loopback", "r1#")).toBe(
      "interface Loopback0\n ip address 198.51.100.1 255.255.255.255\n",
    );
  });

  test("helps at a question mark without waiting for Enter, and gives the line back", async () => {
    const { shell } = await enabled("cisco_ios", "");
    shell.type("show ip ?");
    expect(await shell.until("r1#show ip ")).toBe("show ip ?\r\n  interface\r\n  route\r\n\r\nr1#show ip ");
  });

  test("edits the line: backspace, Ctrl-U and Ctrl-C", async () => {
    const { shell } = await enabled("cisco_ios", "");
    shell.type("show clocx\x7fk\r");
    expect(await shell.until(/UTC.*\r\nr1#$/)).toContain("show clocx\b \bk\r\n");
    shell.type("garbage\x15show clock\r");
    await shell.until(/UTC.*\r\nr1#$/);
    shell.type("half a line\x03");
    expect(await shell.until("r1#")).toBe("half a line\r\nr1#");
  });

  test("runs what was typed ahead in order, and refuses a second channel", async () => {
    const { shell } = await enabled("cisco_ios", "");
    shell.type("show clock\rshow clock\nshow clock\r\n");
    const seen = await shell.until(/(?:UTC[^]*){3}r1#$/);
    expect(seen.match(/r1#/g)).toHaveLength(3);
    await expect(exec(shell.client, "show clock")).rejects.toThrow(/open failure/i);
  });

  test("answers an exec request and closes the connection's channel", async () => {
    const simulator = await simulate([device("cisco_ios")]);
    const client = await connect(access(simulator));
    expect((await exec(client, "show ip interface brief")).stdout).toMatch(/^Interface .*\r\n/);
    client.end();
  });
});

test("arista_eos: words its errors, names sections, colours its pager", async () => {
  const { shell, device } = await enabled("arista_eos", "");
  expect(await answer(shell, "show foo", "r1#")).toBe("% Invalid input (at token 1: 'foo')\n");
  expect(await answer(shell, "show ip", "r1#")).toBe("% Incomplete command\n");
  expect(await answer(shell, "terminal length 0", "r1#")).toBe("Pagination disabled.\n");
  await shell.ask("configure", "r1(config)#");
  await shell.ask("interface Et2", "r1(config-if-Et2)#");
  await shell.ask("mtu 9000", "r1(config-if-Et2)#");
  expect(await answer(shell, "show version", "r1(config-if-Et2)#")).toContain("Software image version: 4.30.4M\n");
  await shell.ask("vlan 33", "r1(config-vlan-33)#");
  await shell.ask("end", "r1#");
  expect(device.runningConfig).toContain("   ip address 192.0.2.2/24\n   mtu 9000\n!\n");
  expect(await answer(shell, "write", "r1#")).toBe("Copy completed successfully.\n");
  await shell.ask("terminal length 5", "r1#");
  await shell.ask("show running-config", "\x1b[7m --More-- \x1b[27m\x1b[K");
  shell.type("q");
  await shell.until("\r\x1b[Kr1#");
});

test("frr: greets and answers like vtysh, and pages with NUL and backspaces", async () => {
  const { shell, device } = await enabled("frr", " ");
  expect(shell.seen).toContain(
    "\r\nHello, this is FRRouting (version 8.4.4).\r\nCopyright 1996-2005 Kunihiro Ishiguro, et al.\r\n\r\nr1> ",
  );
  expect(await answer(shell, "show foo", "r1# ")).toBe("% Unknown command: show foo\n");
  expect(await answer(shell, "show ip", "r1# ")).toBe("% Command incomplete: show ip\n");
  await shell.ask("conf t", "r1(config)# ");
  await shell.ask("router bgp 64512", "r1(config-router)# ");
  await shell.ask("neighbor 192.0.2.10 remote-as 64514", "r1(config-router)# ");
  await shell.ask("no neighbor 192.0.2.9 remote-as 64513", "r1(config-router)# ");
  await shell.ask("end", "r1# ");
  expect(device.runningConfig).toContain(
    "router bgp 64512\n bgp router-id 198.51.100.3\n neighbor 192.0.2.10 remote-as 64514\nexit\n!\n",
  );
  expect(await answer(shell, "write memory", "r1# ")).toContain("[OK]\n");
  await shell.ask("terminal length 4", "r1# ");
  await shell.ask("show ip route", " --More-- \0");
  shell.type("\x03");
  await shell.until(`${"\b".repeat(10)}${" ".repeat(10)}${"\b".repeat(10)}r1# `);
});

test("a device without an enable secret is privileged at once", async () => {
  const simulator = await simulate([
    { name: "r1", platform: "frr", users: [{ username: "admin", password: "correct horse" }] },
  ]);
  const shell = await openShell(access(simulator));
  await shell.until("r1# ");
});

describe("linux", () => {
  test.each([
    ["echo hello  world", "hello world\n", "", 0],
    ["echo 'two  spaces' \"and $?\"", "two  spaces and 0\n", "", 0],
    ["uname -r", "6.1.0-21-amd64\n", "", 0],
    ["false", "", "", 1],
    ["false || echo rescued", "rescued\n", "", 0],
    ["false && echo never; echo $?", "1\n", "", 0],
    ["sleep 0.01 && echo slept", "slept\n", "", 0],
    ["cat /etc/hostname", "r1\n", "", 0],
    ["cat /etc/hostname /nope", "r1\n", "cat: /nope: No such file or directory\n", 1],
    ["seq 2 4", "2\n3\n4\n", "", 0],
    ["echo oops >&2", "", "oops\n", 0],
    ["exit 7", "", "", 7],
    ["nonsense", "", "bash: line 1: nonsense: command not found\n", 127],
  ])("exec request: %s", async (command, stdout, stderr, status) => {
    const simulator = await simulate([device("linux")]);
    const client = await connect(access(simulator));
    expect(await exec(client, command)).toEqual({ stdout, stderr, status });
    client.end();
  });

  test("ten channels run side by side on one connection, an eleventh is refused", async () => {
    const answer = createDoor();
    const simulator = await simulate([
      device("linux", { faults: { delay: { matching: /^echo \d/, until: answer.opened } } }),
    ]);
    const client = await connect(access(simulator));
    const running = Array.from({ length: 10 }, (_none, at) => exec(client, `echo ${at}`));
    await simulator.find((entry) => entry.kind === "command" && entry.line === "echo 9");
    await expect(exec(client, "true")).rejects.toThrow(/open failure/i);
    answer.open();
    expect((await Promise.all(running)).map(({ stdout }) => stdout)).toEqual(
      Array.from({ length: 10 }, (_none, at) => `${at}\n`),
    );
    expect((await exec(client, "echo free again")).stdout).toBe("free again\n");
    client.end();
  });

  test("its shell takes a prompt of one's own, stops echoing on demand, and sudo asks", async () => {
    const simulator = await simulate([device("linux")]);
    const shell = await openShell(access(simulator));
    await shell.until("admin@r1:~$ ");
    await shell.ask("export PS1='__np__# ' LANG=C; stty -echo", "\n__np__# ");
    expect(await shell.ask("seq 2", "__np__# ")).toBe("\r\n1\r\n2\r\n__np__# ");
    await shell.ask('sudo -S -p "[[SUDO]]" -i', "[[SUDO]]");
    await shell.ask("correct horse", "__np__# ");
    expect(await shell.ask("whoami", "__np__# ")).toContain("root");
    shell.type("sleep 100\r");
    await simulator.find((entry) => entry.line === "sleep 100");
    shell.type("\x03");
    await shell.until("__np__# ");
    expect(await shell.ask("echo $?", "__np__# ")).toContain("130");
  });
});

test("an unknown platform is refused by name at the start", async () => {
  await expect(createSimulator({ clock: systemClock, devices: [device("acme_os")] })).rejects.toThrow(
    /acme_os.*cisco_ios/,
  );
});
