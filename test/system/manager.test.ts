import { expect, test } from "vitest";
import { createManager } from "../../src/system/manager.js";
import { createHandClock } from "../support/hand-clock.js";

const pids = [9, 7];

test("systemd is told when the process is ready, lives and stops, and only where it asked", async () => {
  const clock = createHandClock();
  const told: string[] = [];
  const run = (command: string, args: readonly string[]): void => void told.push([command, ...args].join(" "));
  const env = { NOTIFY_SOCKET: "/run/systemd/notify", WATCHDOG_USEC: "30000000", WATCHDOG_PID: "7" };
  const manager = createManager({ env, pids, clock, run });
  manager.ready();
  await clock.advance(25_000);
  manager.stopping();
  manager.release();
  await clock.advance(60_000);
  const states = told.map((line) => line.replace("systemd-notify ", ""));
  expect(states).toEqual(["READY=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1", "STOPPING=1"]);

  const silent = createManager({ env: {}, pids, clock, run });
  silent.ready();
  silent.stopping();
  expect(told).toHaveLength(5);
});
