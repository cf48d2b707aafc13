import { Effect, JobState } from "@pointsman/sdk/v1";
import { afterEach, expect, test } from "vitest";
import { device, startSystem, type System } from "../support/system.js";

let at: System;
afterEach(() => at.close());

/** A reaper waits 15 s, and what it frees is taken within five seconds more; the machine may be busy. */
const endedWithinMs = 120_000;

test("kill -9 of the worker among the lines: where they take effect at once nothing is sent again; a candidate was never committed, and the change is made elsewhere", async () => {
  const slow = { delay: { matching: /^ ?description/, ms: 3_600_000, times: 1 } };
  at = await startSystem({
    devices: [device("r1", { faults: slow }), device("sw1", { platform: "arista_eos", faults: slow })],
  });
  const { client, simulator, workers } = at;
  const lines = ["interface Loopback0", " description by pointsman"];
  const [now, later] = await Promise.all(
    ["r1", "sw1"].map((name) => client.jobs.create({ device: name, configure: { lines, acceptUnproven: true } })),
  );
  await Promise.all(
    ["r1", "sw1"].map((name) => simulator.find((entry) => entry.device === name && entry.line.includes("description"))),
  );
  await at.startWorker();
  await workers[0]!.kill();

  const doubt = await client.jobs.wait(now!.id, { timeoutMs: endedWithinMs });
  expect(doubt).toMatchObject({ state: JobState.INDETERMINATE, lastConfirmedStep: 1 });
  expect((await client.devices.get("r1")).status?.hold?.job).toBe(doubt.id);
  expect(
    simulator
      .device("r1")
      .commands()
      .filter((line) => line.includes("description")),
  ).toHaveLength(1);

  const done = await client.jobs.wait(later!.id, { timeoutMs: endedWithinMs });
  expect(done).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.COMPLETE });
  expect(done.attempts).toHaveLength(2);
  const sessions = simulator
    .device("sw1")
    .commands()
    .filter((line) => /^(configure session|commit)/.test(line));
  expect(sessions).toEqual([`configure session pm-${done.id}-1`, `configure session pm-${done.id}-2`, "commit"]);
});
