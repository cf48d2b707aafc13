import { afterAll, expect, test } from "vitest";
import type { SessionPool } from "../../src/device/index.js";
import { endpoint, pool, run } from "../support/device-engine.js";
import { type ScriptedShell, startScriptedDevice } from "../support/scripted-device.js";

const sessions: SessionPool = pool();
afterAll(() => sessions.close());

/** Prints half of its output up to a line that looks like the prompt, and the rest when `goOn` says so. */
function pausing(goOn: (shell: ScriptedShell) => Promise<void>) {
  return async (shell: ScriptedShell): Promise<void> => {
    shell.write("\r\nR1>");
    for (;;) {
      const line = await shell.line();
      if (line === "exit") return;
      if (line === "show tricky") {
        shell.write("begin\r\nR1>");
        await goOn(shell);
        shell.write("\r\nmore\r\nend\r\nR1>");
      } else shell.write(line === "\x03" ? "\r\nR1>" : "done\r\nR1>");
    }
  };
}

test("a prompt that has to stand still is not believed while the device prints on", async () => {
  // The rest is on its way before the pause that is asked for could be over.
  const device = await startScriptedDevice({ shell: pausing(() => new Promise((resolve) => setImmediate(resolve))) });
  const session = await sessions.checkout(endpoint(device.port, device.hostKey));
  const { output } = await run(session, "show tricky", { settleMs: 2_000 });
  expect(output).toBe("begin\nR1>\nmore\nend\n");
  sessions.discard(session);
  await device.stop();
});

test("when a command turns out to have printed on behind its prompt, the next one says so instead of hiding it", async () => {
  // The rest comes only when the next command has been typed: no waiting could have told.
  const device = await startScriptedDevice({
    shell: pausing(async (shell) => void (await shell.line({ echo: false }))),
  });
  const session = await sessions.checkout(endpoint(device.port, device.hostKey));
  expect((await run(session, "show tricky")).output).toBe("begin\n");
  const next = run(session, "show clock", { refuseLeftovers: true });
  await expect(next).rejects.toMatchObject({
    reason: "PROMPT_NOT_FOUND",
    message: expect.stringContaining("cut") as string,
  });
  sessions.discard(session);
  await device.stop();
});

test("log messages between two commands are no leftovers, nor is a late greeting before the first", async () => {
  const device = await startScriptedDevice({
    shell: async (shell) => {
      shell.write("\r\nR1>");
      shell.write("\r\n");
      for (let n = 0; ; n++) {
        const line = await shell.line({ echo: false });
        if (line === "exit") return;
        const before =
          n === 0 ? "Welcome to R1\r\n" : "*Nov 20 10:00:00.123: %SYS-5-CONFIG_I: Configured from console\r\n";
        shell.write(`${before}R1>${line}\r\nout ${n}\r\nR1>`);
      }
    },
  });
  const session = await sessions.checkout(endpoint(device.port, device.hostKey));
  for (let n = 0; n < 3; n++) await run(session, `show run ${n}`, { refuseLeftovers: true });
  sessions.discard(session);
  await device.stop();
});
