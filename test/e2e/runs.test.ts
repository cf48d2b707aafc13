import { type RunOutput, RunState, RunTargetState, type RunTargetStatus } from "@pointsman/sdk/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.js";
import { device, startOurs, startSystem, type System } from "../support/system.js";

let at: System;
const names = Array.from({ length: 12 }, (_, i) => `d${String(i).padStart(2, "0")}`);
const hung = "hung";

beforeAll(async () => {
  at = await startSystem({
    devices: [
      ...names.map((name) => device(name)),
      device("bad1", { commands: [{ command: /^show clock/, output: "% Invalid input detected at '^' marker.\n" }] }),
      device("bad2", { commands: [{ command: /^show clock/, output: "% Invalid input detected at '^' marker.\n" }] }),
      device(hung, { faults: { hang: { matching: "show clock" } } }),
    ],
  });
  for (const [i, name] of names.entries()) {
    const labels = { site: i < 6 ? "fra" : "ber", pair: `p${i % 6}` };
    await at.client.devices.update(name, { labels });
  }
});
afterAll(() => at.close());

/** Devices that something was typed on since this many entries of the journal. */
function touched(since = 0): Set<string> {
  return new Set(
    at.simulator
      .journal()
      .slice(since)
      .map((entry) => entry.device),
  );
}

describe("a run", () => {
  test("goes over a selector in batches to its end; targets, jobs and outputs are there", async () => {
    const run = await at.client.runs.create({
      selector: { labels: { site: "fra" } },
      commands: ["show clock", "show version"],
      rollout: { canary: 1, batch: 2, maxParallel: 2 },
      labels: { why: "{{label.site}}-{{device}}" },
    });
    expect(run.counts).toMatchObject({ total: 6, pending: 6 });
    const ended = await at.client.runs.wait(run);
    expect(ended.state).toBe(RunState.SUCCEEDED);
    expect(ended.counts).toMatchObject({ total: 6, succeeded: 6, pending: 0, started: 0 });
    expect(ended).toMatchObject({ batch: 4, batches: 4 });
    const targets: RunTargetStatus[] = [];
    for await (const target of at.client.runs.targets(run.id, { pageSize: 4 })) targets.push(target);
    expect(targets.map(({ target }) => target)).toEqual(names.slice(0, 6));
    expect(targets.map(({ batch }) => batch)).toEqual([1, 2, 2, 3, 3, 4]);
    const jobs = await at.client.jobs.list({ runs: [run.id] });
    expect(jobs.items).toHaveLength(6);
    const [job] = jobs.items.filter(({ id }) => id === targets[1]?.jobId);
    expect(job).toMatchObject({ run: run.id, runTarget: 1, spec: { labels: { why: "fra-d01" } } });
    const outputs: RunOutput[] = [];
    for await (const output of at.client.runs.outputs(run.id, { pageSize: 4 })) outputs.push(output);
    expect(outputs).toHaveLength(6);
    for (const { result, missing } of outputs) {
      expect(missing).toBe("");
      expect(result?.result.case === "commands" && result.result.value.commands[1]?.output).toContain("Cisco IOS");
    }
  });

  test("stops after so many failures, and the rest stays untouched by the devices' own journals", async () => {
    const since = at.simulator.journal().length;
    const devices = ["bad1", "d00", "bad2", "d01", "d02"];
    const run = await at.client.runs.create({
      devices: [...devices, "nowhere"],
      commands: ["show clock"],
      rollout: { maxParallel: 1, maxFailures: 2 },
    });
    expect(run.rejections).toMatchObject([{ index: 5, target: "nowhere", reason: "DEVICE_NOT_FOUND" }]);
    const ended = await at.client.runs.wait(run);
    expect(ended.state).toBe(RunState.PARTIAL);
    expect(ended.counts).toMatchObject({ succeeded: 1, failed: 2, untouched: 2, rejected: 1 });
    expect(ended.reason).toContain("2 failed");
    expect([...touched(since)].sort()).toEqual(["bad1", "bad2", "d00"]);

    const again = await at.client.runs.retry(run.id, { states: ["UNTOUCHED"] });
    expect(again).toMatchObject({ retryOf: run.id, counts: { total: 2 } });
    expect((await at.client.runs.wait(again)).state).toBe(RunState.SUCCEEDED);
    expect((await at.client.runs.get(run.id)).retriedBy).toBe(again.id);
  });

  test("a canary that fails stops it", async () => {
    const run = await at.client.runs.create({
      devices: ["bad1", "d03", "d04"],
      commands: ["show clock"],
      rollout: { canary: 1 },
    });
    const ended = await at.client.runs.wait(run);
    expect(ended.state).toBe(RunState.FAILED);
    expect(ended.counts).toMatchObject({ failed: 1, untouched: 2 });
  });

  test("pauses and goes on; cancelled, it interrupts what runs and leaves the rest", async () => {
    const paused = await at.client.runs.create({
      devices: names.slice(0, 3),
      commands: ["show clock"],
      rollout: { canary: 1, holdAfterCanary: true },
    });
    await eventually(async () => expect((await at.client.runs.get(paused.id)).state).toBe(RunState.PAUSED));
    expect((await at.client.runs.get(paused.id)).counts).toMatchObject({ succeeded: 1, pending: 2 });
    await at.client.runs.resume(paused.id);
    expect((await at.client.runs.wait(paused)).state).toBe(RunState.SUCCEEDED);

    const run = await at.client.runs.create({
      devices: [hung, "d05"],
      commands: ["show clock"],
      rollout: { maxParallel: 1 },
    });
    await eventually(async () => {
      const { items } = await at.client.jobs.list({ runs: [run.id] });
      expect(items[0]?.attempts.length).toBe(1);
    });
    const partial = await at.client.runs.outputs(run.id);
    expect(partial.items.map(({ missing }) => missing)).toEqual([
      "its job runs",
      "its turn has not come, or the run ended before it",
    ]);
    expect((await at.client.runs.cancel(run.id, { interruptRunning: true, reason: "enough" })).state).toBe(
      RunState.CANCELLING,
    );
    const ended = await at.client.runs.wait(run);
    expect(ended).toMatchObject({ state: RunState.CANCELLED, reason: "enough" });
    expect(ended.counts).toMatchObject({ untouched: 1, started: 0, pending: 0 });
    const { items } = await at.client.runs.targets(run.id, { states: ["UNTOUCHED"] });
    expect(items.map(({ target, state }) => [target, state])).toEqual([["d05", RunTargetState.UNTOUCHED]]);
  });

  test("goes on when its server is killed, each device worked on once", async () => {
    const other = startOurs(["server"], at.env);
    try {
      await other.logged("server ready");
      const since = at.simulator.journal().length;
      const run = await at.client.runs.create({
        devices: names,
        commands: ["show clock"],
        rollout: { batch: 3, pauseBetweenMs: 200 },
      });
      await eventually(async () => expect((await at.client.runs.get(run.id)).batch).toBeGreaterThan(1));
      const { port } = await other.logged("server ready");
      await at.server.kill();
      const { Pointsman } = await import("@pointsman/sdk");
      await using client = new Pointsman({ baseUrl: `http://127.0.0.1:${String(port)}`, apiKey: "" });
      const ended = await client.runs.wait(run.id);
      expect(ended.state).toBe(RunState.SUCCEEDED);
      expect(ended.counts).toMatchObject({ total: 12, succeeded: 12 });
      const { items } = await client.jobs.list({ runs: [run.id] }, { pageSize: 100 });
      expect(items).toHaveLength(12);
      const typed = at.simulator
        .journal()
        .slice(since)
        .filter((entry) => JSON.stringify(entry).includes("show clock"));
      expect(new Set(typed.map((entry) => entry.device)).size).toBe(12);
    } finally {
      await other.stop();
    }
  });
});
