import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { simulation } from "./run-seeds.js";
import { simulate } from "./simulation.js";

/** How many worlds, and the first of them: SIMULATION_SEEDS and SIMULATION_FROM draw others. */
const seeds = process.env["SIMULATION_SEEDS"] ?? "1000";
const from = process.env["SIMULATION_FROM"] ?? "1";

test("the same seed gives the same world, to the last answer", { timeout: 300_000 }, async () => {
  for (let seed = 1; seed <= 15; seed++) {
    const once = await simulate(seed);
    const again = await simulate(seed);
    expect(again.trace, `seed ${seed}`).toEqual(once.trace);
    expect(again.hash).toBe(once.hash);
  }
});

test("other seeds give other worlds", async () => {
  expect((await simulate(1)).hash).not.toBe((await simulate(2)).hash);
});

test(`every promise holds in ${seeds} worlds from seed ${from}`, { timeout: 1_200_000 }, async () => {
  const run = simulation(["--seeds", seeds, "--from", from]);
  const told = await promisify(execFile)(process.execPath, run).catch(
    (error: unknown) => error as { stdout: string; stderr: string },
  );
  expect(told.stdout + told.stderr).toContain(`${seeds} worlds, 0 with a broken promise`);
});
