import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { brokenPromises, rollingRestart } from "../rehearsal/rolling-restart.js";
import { startStand } from "../rehearsal/stand.js";

test("servers and workers are replaced one after the other, and a caller sees nothing of it", async () => {
  const dir = await mkdtemp(join(tmpdir(), "pm-rolling-"));
  const stand = await startStand({ dir, servers: 2, workers: 2, devices: 10 });
  try {
    const outcome = await rollingRestart(stand, { rate: 10, forMs: 10_000, say: () => undefined });
    expect(brokenPromises(outcome)).toEqual([]);
    expect(outcome.restarts).toBeGreaterThanOrEqual(4);
    expect(outcome.accepted).toBeGreaterThan(50);
    expect(outcome.watched).toBeGreaterThan(5);
    // The watch of all jobs lost its server at least once.
    expect(outcome.cuts).toBeGreaterThan(0);
  } finally {
    await stand.close();
    await rm(dir, { recursive: true, force: true });
  }
}, 400_000);
