import { once } from "node:events";
import { afterEach, beforeEach, expect, test } from "vitest";
import { eventually } from "../support/eventually.js";
import { device, type OurProcess, startSystem, type System } from "../support/system.js";

let at: System;
beforeEach(async () => {
  at = await startSystem({ devices: [device("r1")], workers: 0 });
});
afterEach(() => at.close());

/** The process that does the work: another than the one that was started. */
async function workingPid(worker: OurProcess): Promise<number> {
  const { worker: name } = await worker.logged("worker ready");
  const { pid = 0 } = (await at.client.workers.list()).find((one) => one.name === name) ?? {};
  expect(pid).not.toBe(worker.child.pid);
  process.kill(pid, 0);
  return pid;
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Lets a process of ours block its event loop when it is told to. */
const blocks = encodeURIComponent(`process.env.POINTSMAN_WATCHED && process.on("SIGUSR2", () => { for (;;); })`);

test("a worker that stands still, and one whose event loop is blocked, are killed by the process that watches them", async () => {
  const spins = await at.startWorker({ NODE_OPTIONS: `--import data:text/javascript,${blocks}` });
  process.kill(await workingPid(spins), "SIGUSR2");
  const stopped = await at.startWorker();
  const pid = await workingPid(stopped);
  process.kill(pid, "SIGSTOP");
  for (const worker of [stopped, spins]) {
    if (worker.child.exitCode === null) await once(worker.child, "exit");
    expect(worker.child.exitCode).toBe(137);
    // What it said last may be read after its exit.
    await eventually(() => expect(worker.log.join("\n")).toMatch(/stood still for 10 s: killed/));
  }
  expect(isThere(pid)).toBe(false);
});

test("a signal is passed on and the exit code kept; without its watcher a worker ends", async () => {
  const asked = await at.startWorker();
  const pid = await workingPid(asked);
  await asked.stop();
  expect(asked.child.exitCode).toBe(0);
  expect(asked.log.some((line) => line.includes("worker stopped"))).toBe(true);
  expect(isThere(pid)).toBe(false);

  const left = await at.startWorker();
  const [other] = (await at.client.workers.list()).filter((one) => one.pid !== pid);
  await left.kill();
  await eventually(async () => expect(isThere(other?.pid ?? 0)).toBe(false));
});
