import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { isRunning } from "../../src/system/processes.js";
import { eventually } from "../support/eventually.js";

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

test.skipIf(process.platform !== "linux")(
  "one that has ended and that nobody has taken note of runs no more: whoever writes a journal there has gone",
  async () => {
    // What the shell becomes never asks what became of its child.
    const parent = spawn("sh", ["-c", "true & echo $!; exec sleep 600"], { stdio: ["ignore", "pipe", "ignore"] });
    try {
      const [said] = (await once(parent.stdout, "data")) as [Buffer];
      const ended = Number(String(said));
      await eventually(() => expect(readFileSync(`/proc/${ended}/stat`, "utf8")).toContain(") Z "));
      expect(isRunning(ended)).toBe(false);
    } finally {
      parent.kill("SIGKILL");
    }
  },
);
