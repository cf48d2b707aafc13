import { expect, test } from "vitest";
import { openShell, type PlainShell } from "./plain-client.js";
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
}, 60_000);
