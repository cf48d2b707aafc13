import { CommandStatus, type ConfigureResult, Effect, JobState, RunState } from "@pointsman/sdk/v1";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCli } from "../cli/run-cli.js";
import { eventually } from "../support/eventually.js";
import { device, startSystem, type System } from "../support/system.js";

let at: System;
beforeAll(async () => {
  at = await startSystem({ devices: ["r1", "r2", "r3", "r4"].map((name) => device(name)) });
  await at.client.devices.update("r2", { labels: { site: "fra" } });
});
afterAll(() => at.close());

const cli = (...words: string[]) => runCli(words, { url: at.url });
const typed = (name: string): readonly string[] => at.simulator.device(name).commands();

test("a denied command is refused on every way in, and reaches no device", async () => {
  await expect(at.client.jobs.create({ device: "r1", commands: ["rel"] })).rejects.toMatchObject({
    reason: "COMMAND_DENIED",
  });
  const text = await cli("exec", "r1", "--", "wr", "er");
  expect(text.status).toBe(1);
  expect(text.stderr).toContain('"wr er" may be "write erase"');
  expect(text.stderr).toContain("job.commands.commands[0].command");
  const configure = await cli("configure", "r1", "--accept-unproven", "--", "no ip routing");
  expect(configure.stderr).toContain("COMMAND_DENIED");
  const dry = await cli("configure", "r1", "--plan", "--", "no ip routing");
  expect(dry.stderr).toContain("COMMAND_DENIED");
  await expect(at.client.runs.create({ devices: ["r1", "r2"], commands: ["reload"] })).rejects.toMatchObject({
    reason: "NO_TARGETS",
    metadata: { reason: "COMMAND_DENIED" },
  });
  // A word of the run makes the line.
  const run = await at.client.runs.create({
    devices: ["r1", "r2"],
    commands: ["{{what}} clock"],
    targets: [{ device: "r3", variables: { what: "reload" } }],
    variables: { what: "show" },
  });
  const ended = await at.client.runs.wait(run);
  expect(ended).toMatchObject({ state: RunState.PARTIAL, counts: { succeeded: 2, rejected: 1 } });
  const sent = ["r1", "r2", "r3"].flatMap((name) => typed(name));
  expect(sent.filter((line) => !/^(?:terminal |show clock$|exit$|$)/.test(line))).toEqual([]);
});

test("a rule that comes after the job is asked right before its first line: nothing is sent", async () => {
  const made = await cli(
    "command-rules",
    "create",
    "fra",
    "--deny",
    "hostname",
    "--label",
    "site=fra",
    "--reason",
    "no",
  );
  expect(made).toMatchObject({ status: 0, stderr: "", stdout: 'fra: deny "hostname", for site=fra\n' });
  await cli("command-rules", "delete", "fra");

  await at.client.policies.createFreeze({ name: "wait", scope: { devices: ["r2"] } });
  const other = { lines: ["ip domain-name x.net", "hostname x"], acceptUnproven: true };
  const { id } = await at.client.jobs.create({ device: "r2", configure: other });
  const plain = ["configure terminal", "hostname x", "end"];
  const second = await at.client.jobs.create({ device: "r2", commands: plain, privilege: "enable" });
  await at.client.policies.createCommandRule({
    ...{ name: "fra", action: "deny", patterns: ["hostname"], reason: "names are fixed" },
    scope: { labels: { site: "fra" } },
  });
  expect((await cli("command-rules")).stdout).toMatch(/fra +deny "hostname" +site=fra/);
  await at.client.policies.deleteFreeze("wait");
  for (const job of [id, second.id]) {
    const ended = await at.client.jobs.wait(job);
    expect(ended).toMatchObject({ state: JobState.FAILED, effect: Effect.NONE });
    expect(ended.error).toMatchObject({ reason: "COMMAND_DENIED", metadata: { rule: "fra", pattern: "hostname" } });
    expect(ended.error?.message).toContain("names are fixed");
  }
  const result = (await at.client.jobs.get(id)).result?.result.value as ConfigureResult;
  expect(result.lines.map(({ status }) => status)).toEqual([CommandStatus.SKIPPED, CommandStatus.SKIPPED]);
  expect(typed("r2")).not.toContain("configure terminal");
  // Another device is none of the rule's business.
  const elsewhere = await at.client.jobs.run({ device: "r4", configure: other });
  expect(elsewhere.state).toBe(JobState.SUCCEEDED);
  await at.client.policies.deleteCommandRule("fra");
});

test("a run whose job is made after the rule loses that target alone", async () => {
  const run = await at.client.runs.create({
    devices: ["r1", "r3"],
    commands: ["show clock", "show version"],
    rollout: { canary: 1, holdAfterCanary: true },
  });
  await eventually(async () => expect((await at.client.runs.get(run.id)).state).toBe(RunState.PAUSED));
  await at.client.policies.createCommandRule({ name: "c", action: "deny", patterns: ["show version"], reason: "x" });
  await at.client.runs.resume(run.id, { reason: "go" });
  const ended = await at.client.runs.wait(run);
  expect(ended.counts).toMatchObject({ total: 2, failed: 1 });
  const targets = [];
  for await (const target of at.client.runs.targets(run.id)) targets.push(target);
  expect(targets[1]?.error?.reason).toBe("COMMAND_DENIED");
  expect(typed("r3")).not.toContain("show version");
  await at.client.policies.deleteCommandRule("c");
});

test("what is lifted by name is sent, and the job says so", async () => {
  const lifted = await cli("exec", "r4", "--lift", "debug all", "--enable", "--json", "--", "debug", "all");
  expect(lifted.stderr).not.toContain("COMMAND_DENIED");
  expect(typed("r4")).toContain("debug all");
});
