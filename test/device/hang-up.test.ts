import { afterAll, beforeAll, expect, test } from "vitest";
import type { Endpoint, SessionPool } from "../../src/device/index.js";
import { endpoint, pool, run } from "../support/device-engine.js";
import { type ScriptedDevice, startScriptedDevice } from "../support/scripted-device.js";

let device: ScriptedDevice;
let sessions: SessionPool;
let target: Endpoint;

beforeAll(async () => {
  device = await startScriptedDevice({
    async shell(shell) {
      shell.write("R1>");
      for (;;) {
        const line = await shell.line();
        if (line.startsWith("terminal")) shell.write("R1>");
        else {
          shell.write(line === "reload" ? "Proceed with reload? [confirm]" : "Sending...\r\n");
          if ((await shell.key()) === "\x03") return void shell.channel.end();
        }
      }
    },
  });
  sessions = pool();
  target = endpoint(device.port, device.hostKey);
});
afterAll(async () => {
  await sessions?.close();
  await device?.stop();
});

test("a device that hangs up at a Ctrl-C does not hide why it was typed", async () => {
  const asked = await sessions.checkout(target);
  await expect(run(asked, "reload")).rejects.toMatchObject({
    reason: "UNEXPECTED_QUESTION",
    deviceMessage: "Proceed with reload? [confirm]",
  });
  sessions.checkin(asked);
  expect(sessions.idle).toBe(0);

  const cancelled = await sessions.checkout(target);
  const abort = new AbortController();
  const running = run(cancelled, "ping", { signal: abort.signal, onOutput: () => abort.abort() });
  await expect(running).rejects.toMatchObject({ reason: "CANCELLED" });
  sessions.discard(cancelled);

  const silent = await sessions.checkout(target);
  await expect(run(silent, "ping", { idleTimeoutMs: 100 })).rejects.toMatchObject({ reason: "OUTPUT_TIMEOUT" });
  sessions.discard(silent);
});
