import { createServer } from "node:net";
import type { ClientChannel } from "ssh2";
import { expect, test } from "vitest";
import type { Faults } from "../../src/dev/simulator/faults.js";
import { generatedText } from "../../src/dev/simulator/simulated-device.js";
import { eventually } from "../support/eventually.js";
import { freePort } from "../support/free-port.js";
import { connect, exec, openShell, type PlainShell } from "./plain-client.js";
import { access, ADMIN, device, simulate } from "./simulate.js";

const PRIVILEGED = { users: [{ ...ADMIN, privileged: true }] };

async function shellWith(faults: Faults, more: { seed?: string } = {}): Promise<PlainShell> {
  const simulator = await simulate([device("cisco_ios", { ...PRIVILEGED, faults })], more);
  return openShell(access(simulator));
}

async function dialogue(shell: PlainShell): Promise<string> {
  await shell.until("r1#");
  await shell.ask("terminal length 0", "\r\nr1#");
  await shell.ask("show interfaces", "\r\nr1#");
  await shell.ask("show ip interface brief", "\r\nr1#");
  return shell.seen;
}

test("split bytes: the same text in other pieces, the same pieces for the same seed, others for another", async () => {
  const whole = await dialogue(await shellWith({}));
  const first = await shellWith({ splitBytes: 7 }, { seed: "a" });
  const second = await shellWith({ splitBytes: 7 }, { seed: "a" });
  const third = await shellWith({ splitBytes: 7 }, { seed: "b" });
  expect(await dialogue(first)).toBe(whole);
  expect(await dialogue(second)).toBe(whole);
  expect(await dialogue(third)).toBe(whole);
  expect(Math.max(...first.pieces)).toBeLessThanOrEqual(7);
  expect(Math.min(...first.pieces)).toBe(1);
  expect(second.pieces).toEqual(first.pieces);
  expect(third.pieces).not.toEqual(first.pieces);
});

test("drip: small pieces, nothing lost", async () => {
  const shell = await shellWith({ bytesPerSecond: 5_000 });
  await shell.until("r1#");
  const seen = await shell.ask("show ip interface brief", "\r\nr1#");
  expect(seen).toContain("Loopback0");
  expect(Math.max(...shell.pieces)).toBeLessThanOrEqual(100);
});

test("a pager that stays although the length is 0", async () => {
  const shell = await shellWith({ pagerAlways: true });
  await shell.until("r1#");
  await shell.ask("terminal length 0", "r1#");
  const page = await shell.ask("show interfaces", " --More-- ");
  expect(page.split("\r\n")).toHaveLength(1 + 23 + 1);
});

test("syslog lines and lines like the prompt stand between the lines of output, seeded", async () => {
  const faults = { syslogChance: 0.3, promptLikeChance: 0.3 };
  const plain = (await dialogue(await shellWith({}))).split("\r\n");
  const seen: string[][] = [];
  for (let round = 0; round < 2; round++) {
    const shell = await shellWith(faults, { seed: "s" });
    await shell.until("r1#");
    await shell.ask("terminal length 0", "\r\nr1#");
    await shell.ask("show interfaces", /0 packets input, 0 bytes, 0 no buffer\r\nr1#$/);
    await shell.ask("show ip interface brief", /Loopback0[^\n]*\nr1#$/);
    seen.push(shell.seen.replace(/\*[^%]*: %/g, "%").split("\r\n"));
  }
  expect(seen[1]).toEqual(seen[0]);
  const added = seen[0]!.filter((line) => /^%|^r1#$/.test(line));
  expect(added.filter((line) => line === "r1#").length).toBeGreaterThan(5);
  expect(added.filter((line) => line.startsWith("%L")).length).toBeGreaterThan(2);
  expect(seen[0]!.filter((line) => !/^%|^r1#$/.test(line))).toEqual(plain.filter((line) => line !== "r1#"));
});

test("announces a line in the middle of a prompt", async () => {
  const simulator = await simulate([device("cisco_ios", PRIVILEGED)]);
  const shell = await openShell(access(simulator));
  await shell.until("r1#");
  simulator.device("r1").announce("%SYS-5-TEST: hello");
  expect(await shell.until("hello\r\n")).toBe("\r\n%SYS-5-TEST: hello\r\n");
});

test.each([1, 57, 700])("cuts the connection after exactly %i bytes of output", async (bytes) => {
  const shell = await shellWith({ disconnectAtByte: bytes });
  shell.type("show interfaces\r");
  await shell.closed;
  expect(Buffer.byteLength(shell.seen)).toBe(bytes);
});

test("cuts the connection when a command arrived, unanswered but received; once when so asked", async () => {
  const simulator = await simulate([device("cisco_ios", PRIVILEGED)]);
  const router = simulator.device("r1");
  router.setFaults({ disconnectOnCommand: { matching: "show clock", nth: 2, times: 1 } });
  const shell = await openShell(access(simulator));
  await shell.until("r1#");
  await shell.ask("show clock", /UTC.*\r\nr1#$/);
  shell.type("show clock\r");
  await shell.closed;
  expect(shell.seen.endsWith("r1#show clock\r\n")).toBe(true);
  expect(router.commands()).toEqual(["show clock", "show clock"]);
  const again = await openShell(access(simulator));
  await again.until("r1#");
  await again.ask("show clock", /UTC.*\r\nr1#$/);
  await again.ask("show clock", /UTC.*\r\nr1#$/);
});

test("cuts the connection after the answer and the prompt have left", async () => {
  const shell = await shellWith({ disconnectOnCommand: { matching: /^wr/, when: "after-answer" } });
  await shell.until("r1#");
  shell.type("write memory\r");
  await shell.closed;
  expect(shell.seen.endsWith("[OK]\r\nr1#")).toBe(true);
});

test("cuts the connection in the middle of an answer, also of a long one, and only after all of it when so asked", async () => {
  const simulator = await simulate([
    device("cisco_ios", {
      ...PRIVILEGED,
      faults: { disconnectOnCommand: { matching: /^show/, when: "in-answer" } },
      commands: [{ command: "show much", bytes: 500_000 }],
    }),
  ]);
  for (const line of ["show clock", "show much", "show interfaces"]) {
    const shell = await openShell(access(simulator));
    await shell.until("r1#");
    const before = shell.seen.length;
    shell.type(`${line}\r`);
    await shell.closed;
    expect(shell.seen.length - before, line).toBeGreaterThan(0);
    expect(shell.seen.length - before, line).toBeLessThanOrEqual(line.length + 40);
  }
  simulator.device("r1").setFaults({ disconnectOnCommand: { when: "after-answer" } });
  const shell = await openShell(access(simulator));
  await shell.until("r1#");
  shell.type("show much\r");
  await shell.closed;
  expect(shell.seen.length).toBeGreaterThan(500_000);
  expect(shell.seen.endsWith("r1#")).toBe(true);
});

test("a test's own function that fails says so on the terminal and leaves the simulator standing", async () => {
  const broken = (): never => {
    throw new Error("not my day");
  };
  const simulator = await simulate([device("linux", { commands: [{ command: "broken", output: broken }] })]);
  const client = await connect(access(simulator));
  expect(await exec(client, "broken")).toMatchObject({ stderr: expect.stringContaining("not my day"), status: 1 });
  client.end();
});

test("hangs on a command: received, never answered, deaf to Ctrl-C, until the session ends", async () => {
  const simulator = await simulate([
    device("cisco_ios", { ...PRIVILEGED, faults: { hang: { matching: "show clock" } } }),
  ]);
  const shell = await openShell(access(simulator));
  await shell.until("r1#");
  shell.type("show clock\r\x03\x03show version\r");
  await simulator.find(({ kind }) => kind === "interrupt");
  const other = await openShell(access(simulator));
  await other.until("r1#");
  await other.ask("show ip route", "r1#");
  expect(shell.seen.endsWith("r1#show clock\r\n")).toBe(true);
  shell.end();
  await simulator.find(({ kind, session }) => kind === "disconnect" && session === "r1#1");
});

test("delays an answer, and Ctrl-C ends the wait", async () => {
  const shell = await shellWith({ delay: { matching: "show clock", ms: 600_000 } });
  await shell.until("r1#");
  shell.type("show clock\r");
  await shell.until("show clock\r\n");
  shell.type("\x03");
  expect(await shell.until("r1#")).not.toContain("UTC");
});

test("ends a command with a question that nobody expects", async () => {
  const simulator = await simulate([
    device("cisco_ios", {
      ...PRIVILEGED,
      faults: { question: { matching: "write memory", text: "Overwrite all? [y/n] " } },
    }),
  ]);
  const shell = await openShell(access(simulator));
  await shell.until("r1#");
  await shell.ask("write memory", "[OK]\r\nOverwrite all? [y/n] ");
  await shell.ask("y", "y\r\nr1#");
  expect(simulator.journal().at(-1)).toMatchObject({ kind: "answer", line: "y" });
});

test("resets, closes or ignores connections", async () => {
  const simulator = await simulate([device("cisco_ios", { ...PRIVILEGED, faults: { maxConnections: 1 } })]);
  const router = simulator.device("r1");
  const first = await openShell(access(simulator));
  await expect(connect(access(simulator))).rejects.toThrow();
  first.end();
  await eventually(() => expect(router.connections).toBe(0));
  (await connect(access(simulator))).end();
  router.setFaults({ refuseConnection: true });
  await expect(connect(access(simulator))).rejects.toThrow(/ECONNRESET|closed/);
  router.setFaults({ silent: true });
  await expect(connect({ ...access(simulator), readyTimeout: 50 })).rejects.toThrow(/Timed out/);
  router.setFaults();
  (await connect(access(simulator))).end();
});

test("stops listening, so that connections are refused, and listens again on the same port", async () => {
  const simulator = await simulate([device("linux", { port: await freePort() })]);
  const server = simulator.device("r1");
  const held = await connect(access(simulator));
  server.stopListening();
  await expect(connect(access(simulator))).rejects.toThrow(/ECONNREFUSED/);
  expect((await exec(held, "echo still here")).stdout).toBe("still here\n");
  held.end();
  await server.listen();
  (await connect(access(simulator))).end();
});

test("chances: about as many as asked for, the same for the same seed", async () => {
  const outcomes: boolean[][] = [];
  for (const seed of ["x", "x", "y"]) {
    const simulator = await simulate([device("linux", { faults: { refuseConnection: 0.5 } })], { seed });
    const tried: boolean[] = [];
    for (let at = 0; at < 40; at++) {
      tried.push(
        await connect(access(simulator)).then(
          (client) => {
            client.end();
            return true;
          },
          () => false,
        ),
      );
    }
    outcomes.push(tried);
  }
  expect(outcomes[1]).toEqual(outcomes[0]);
  expect(outcomes[2]).not.toEqual(outcomes[0]);
  expect(outcomes[0]!.filter(Boolean).length).toBeGreaterThan(8);
  expect(outcomes[0]!.filter(Boolean).length).toBeLessThan(32);
});

test("a second channel can be allowed or refused at run time", async () => {
  const simulator = await simulate([device("linux", { faults: { maxChannels: 0 } })]);
  const client = await connect(access(simulator));
  await expect(exec(client, "true")).rejects.toThrow(/open failure/i);
  simulator.device("r1").setFaults({ maxChannels: 1 });
  expect((await exec(client, "true")).status).toBe(0);
  client.end();
});

test("extra commands: text, function, pattern, question, and a gate that the test opens", async () => {
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  const simulator = await simulate([
    device("cisco_ios", {
      ...PRIVILEGED,
      commands: [
        { command: "show clock", output: "no clock on {host}\n" },
        { command: /^show vlan (\d+)$/, output: ({ groups, mode }) => `vlan ${groups[0]} in ${mode}\n` },
        { command: "erase", question: { text: "Sure? ", key: true }, output: ({ answer }) => `answer ${answer}\n` },
        {
          command: "show gate",
          output: async () => {
            await gate;
            return "opened\n";
          },
        },
      ],
    }),
  ]);
  const shell = await openShell(access(simulator));
  await shell.until("r1#");
  expect(await shell.ask("show  clock", "r1#")).toContain("no clock on r1\r\n");
  expect(await shell.ask("show vlan 12", "r1#")).toContain("vlan 12 in enable\r\n");
  await shell.ask("erase", "Sure? ");
  shell.type("y");
  expect(await shell.until("r1#")).toContain("answer y\r\n");
  shell.type("show gate\r");
  await simulator.find(({ line }) => line === "show gate");
  simulator.device("r1").addCommand({ command: "show clock", output: "later wins\n" });
  open();
  expect(await shell.until("r1#")).toContain("opened\r\n");
  expect(await shell.ask("show clock", "r1#")).toContain("later wins\r\n");
});

test("Ctrl-C ends a command that waits for the test, and the terminal goes on", async () => {
  const forever = (): Promise<string> => new Promise(() => undefined);
  const simulator = await simulate([
    device("cisco_ios", { ...PRIVILEGED, commands: [{ command: "show gate", output: forever }] }),
  ]);
  const shell = await openShell(access(simulator));
  await shell.until("r1#");
  shell.type("show gate\r");
  await simulator.find(({ line }) => line === "show gate");
  shell.type("\x03");
  await shell.until("r1#");
  await shell.ask("show clock", /UTC.*\r\nr1#$/);
});

test("a simulator that cannot have a port closes what it had opened", async () => {
  const simulator = await simulate([device("linux")]);
  const taken = simulator.device("r1").port;
  const free = await freePort();
  const both = [device("linux", { name: "a", port: free }), device("linux", { name: "b", port: taken })];
  await expect(simulate(both)).rejects.toThrow(/EADDRINUSE/);
  await expect(connect({ port: free, ...ADMIN })).rejects.toThrow(/ECONNREFUSED/);
});

test("generates 10 MB, complete and the same each time, as fast as the client takes it", async () => {
  const bytes = 10_000_000;
  const simulator = await simulate([
    device("linux", { commands: [{ command: "dump", bytes, exitStatus: 3, stderr: "done\n" }] }),
  ]);
  const client = await connect(access(simulator));
  const result = await exec(client, "dump");
  const expected = [...generatedText(bytes, "dump")].join("");
  expect(expected).toHaveLength(bytes);
  expect(expected.endsWith("\n")).toBe(true);
  expect(result.stdout === expected).toBe(true);
  expect(result).toMatchObject({ stderr: "done\n", status: 3 });
  client.end();
});

test("a client that does not read holds the output back instead of filling memory", async () => {
  const made: number[] = [];
  const simulator = await simulate([
    device("linux", {
      commands: [
        {
          command: "endless",
          output: function* () {
            for (;;) {
              made.push(65_536);
              yield "x".repeat(65_535) + "\n";
            }
          },
        },
        { command: "short", output: "done\n" },
      ],
    }),
  ]);
  const client = await connect(access(simulator));
  const channel = await new Promise<ClientChannel>((resolve, reject) => {
    client.exec("endless", (error, opened) => (error ? reject(error) : resolve(opened)));
  });
  channel.pause();
  const settled = await eventually(async () => {
    const before = made.length;
    // While others are answered, what nobody reads would go on as well.
    for (let round = 0; round < 10; round++) await exec(client, "short");
    expect(before).toBeGreaterThan(0);
    expect(made.length).toBe(before);
    return before * 65_536;
  });
  expect(settled).toBeLessThan(12_000_000);
  client.end();
  await simulator.find(({ kind }) => kind === "disconnect");
});

test("faults of one device leave its neighbour alone", async () => {
  const simulator = await simulate([
    device("cisco_ios", { ...PRIVILEGED, faults: { refuseLogin: true } }),
    device("cisco_ios", { ...PRIVILEGED, name: "r2" }),
  ]);
  await expect(connect(access(simulator))).rejects.toThrow(/authentication/i);
  const shell = await openShell(access(simulator, "r2"));
  await shell.until("r2#");
});

test("the port of a stopped simulator is free again", async () => {
  const port = await freePort();
  const simulator = await simulate([device("linux", { port })]);
  await openShell(access(simulator));
  await simulator.close();
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  await new Promise((resolve) => server.close(resolve));
});
