import { type ConfigureResult, Effect, type Job, JobState } from "@pointsman/sdk/v1";
import { afterEach, expect, test } from "vitest";
import { runCli } from "../cli/run-cli.js";
import { eventually } from "../support/eventually.js";
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

test("kill -9 behind a commit: that it was sent is known, and the way back to what ran before is there for both", async () => {
  const hour = 3_600_000;
  at = await startSystem({
    devices: [
      device("r1", { faults: { delay: { matching: "ip domain-name lab.example", ms: hour, times: 1 } } }),
      device("sw1", { platform: "arista_eos", faults: { delay: { matching: "show clock", ms: hour, times: 1 } } }),
    ],
  });
  const { client, simulator, workers } = at;
  const running = (name: string): string => simulator.device(name).runningConfig;
  const before = running("r1");
  const common = { acceptUnproven: true, keepBeforeAfter: true } as const;
  const lines = ["interface Loopback0", " description by pointsman", "ip domain-name lab.example"];
  const here = await client.jobs.create({ device: "r1", configure: { ...common, lines } });
  const there = await client.jobs.create({
    device: "sw1",
    configure: {
      ...{ ...common, lines: lines.slice(0, 2), mode: "apply-confirmed" },
      postChecks: [{ command: "show clock" }],
    },
  });
  await simulator.find((entry) => entry.device === "r1" && entry.line === "ip domain-name lab.example");
  await simulator.find((entry) => entry.device === "sw1" && entry.line === "show clock");
  await eventually(async () => expect((await client.jobs.get(there.id)).lastConfirmedStep).toBe(3));
  await at.startWorker();
  await workers[0]!.kill();
  const ended = (id: string): Promise<Job> => client.jobs.wait(id, { timeoutMs: endedWithinMs });

  // Two lines, the commit, and the confirmation, without which the outcome is open.
  expect(await ended(there.id)).toMatchObject({
    state: JobState.INDETERMINATE,
    lastIntendedStep: 4,
    lastConfirmedStep: 3,
  });
  const { stdout } = await runCli(["job", there.id], { url: at.url });
  expect(stdout).toMatch(/^last sent +4: behind the lines that were told, or the commit; what followed within 50 ms/m);
  expect(stdout).toContain(`\`pointsman reconcile ${there.id}\``);

  const doubt = await ended(here.id);
  expect(doubt).toMatchObject({ state: JobState.INDETERMINATE, lastIntendedStep: 3, lastConfirmedStep: 2 });
  const text = (doubt.result?.result.value as ConfigureResult).before?.text ?? "";
  expect(text).toContain(before.trim());
  await client.jobs.resolve(here.id, { kind: "not-applied", reason: "looked: half of it" });
  const plan = await client.jobs.run({
    device: "r1",
    configure: { beforeJob: here.id, mode: "plan", acceptUnproven: true },
  });
  const { planHash } = plan.result?.result.value as ConfigureResult;
  const back = await client.jobs.run({
    device: "r1",
    configure: { beforeJob: here.id, planHash, acceptUnproven: true },
  });
  expect(back).toMatchObject({ state: JobState.SUCCEEDED, effect: Effect.COMPLETE });
  expect(running("r1")).toBe(before);
});
