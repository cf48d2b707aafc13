import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { isRunning } from "../../src/system/processes.js";

test("a process runs until it has ended", () => {
  expect([process.pid, 1].map(isRunning)).toEqual([true, true]);
  expect(isRunning(spawnSync("true").pid)).toBe(false);
});

test.skipIf(process.platform !== "linux")(
  "a thread is no process: a journal of its number has nobody who writes it",
  () => {
    const threads = readdirSync("/proc/self/task").map(Number);
    expect(threads.length).toBeGreaterThan(1);
    expect(threads.filter(isRunning)).toEqual([process.pid]);
  },
);
