import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import { expect, test } from "vitest";
import { eventually } from "../support/eventually.js";
import { freePort } from "../support/free-port.js";
import { connect, openShell, type PlainShell } from "./plain-client.js";
import { access, ADMIN, device, simulate } from "./simulate.js";

test("five hundred sessions at once, each answered by its own device, in one process", async () => {
  const names = Array.from({ length: 100 }, (_none, at) => `r${at + 1}`);
  const simulator = await simulate(
    names.map((name) => device("cisco_ios", { name, users: [{ ...ADMIN, privileged: true }] })),
  );
  const shells: { name: string; shell: PlainShell }[] = [];
  const waiting = names.flatMap((name) => Array.from({ length: 5 }, () => name));
  await Promise.all(
    Array.from({ length: 25 }, async () => {
      for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
        const shell = await openShell(access(simulator, name));
        await shell.until(`\n${name}#`);
        shells.push({ name, shell });
      }
    }),
  );
  expect(shells).toHaveLength(500);
  expect(simulator.devices.map(({ connections }) => connections)).toEqual(names.map(() => 5));
  const answers = await Promise.all(
    shells.map(async ({ name, shell }) => ({ name, answer: await shell.ask("show version", `\n${name}#`) })),
  );
  for (const { name, answer } of answers) expect(answer).toContain(`\r\n${name} uptime is `);
  expect(new Set(answers.map(({ answer }) => /board ID (\S+)/.exec(answer)?.[1])).size).toBe(100);
  for (const handle of simulator.devices) handle.disconnectAll();
  await Promise.all(shells.map(({ shell }) => shell.closed));
  expect(simulator.devices.reduce((sum, handle) => sum + handle.commands().length, 0)).toBe(500);
});

test("two connections from the same port of a client, which the system allows to different devices, are told apart", async () => {
  const simulator = await simulate([device("cisco_ios"), device("cisco_ios", { name: "r2" })]);
  const localPort = await freePort();
  const r1 = await dial(simulator.device("r1").port, localPort);
  const login = await connect({ ...access(simulator), sock: r1 });
  // Connected, and yet without a word of SSH while the other one goes.
  const r2 = await dial(simulator.device("r2").port, localPort);
  login.end();
  await eventually(() => expect(simulator.device("r1").connections).toBe(0));
  const shell = await openShell({ ...access(simulator, "r2"), sock: r2 });
  await shell.until("\nr2>");
});

/** A TCP connection from one port of the loopback to another. */
async function dial(port: number, localPort: number): Promise<Socket> {
  const socket = createConnection({ host: "127.0.0.1", port, localPort });
  await once(socket, "connect");
  return socket;
}
