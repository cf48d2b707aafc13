import { RunState, RunTargetState } from "@pointsman/sdk/v1";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCli } from "../cli/run-cli.js";
import { eventually } from "../support/eventually.js";
import { type OurProcess, startSystem, type System } from "../support/system.js";

let at: System;
let beta: OurProcess;

beforeAll(async () => {
  at = await startSystem({ devices: [], workers: 0 });
  await at.startWorker({ POINTSMAN_NODE: "alpha", POINTSMAN_SHELL_COMMANDS: "echo" });
  beta = await at.startWorker({ POINTSMAN_NODE: "beta", POINTSMAN_SHELL_COMMANDS: "echo,false" });
});
afterAll(() => at.close());

/** The body of a call over plain HTTP. */
async function call(method: string, body: object): Promise<Record<string, unknown>> {
  const response = await fetch(`${at.url}/pointsman.v1.${method}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return (await response.json()) as Record<string, unknown>;
}

test("a run on nodes has each target's own program, words and status", async () => {
  const run = await at.client.runs.create({
    shell: "echo {{node}} says {{what}}",
    variables: { what: "hello" },
    targets: [{ node: "alpha" }, { node: "beta", work: { shell: "false" } }, { node: "omega" }],
  });
  const ended = await eventually(async () => {
    const now = await at.client.runs.get(run.id);
    expect(now.endTime).toBeDefined();
    return now;
  });
  expect(ended.state).toBe(RunState.PARTIAL);
  const outputs = [];
  for await (const output of at.client.runs.outputs(run.id)) outputs.push(output);
  expect(
    outputs.map(({ target, result }) => [
      target?.target,
      target?.state,
      target?.error?.reason,
      result?.result.case === "shell" ? [result.result.value.stdout, result.result.value.exitStatus] : undefined,
    ]),
  ).toEqual([
    ["alpha", RunTargetState.SUCCEEDED, undefined, ["alpha says hello\n", 0]],
    ["beta", RunTargetState.FAILED, "PROGRAM_FAILED", ["", 1]],
    ["omega", RunTargetState.REJECTED, "NODE_NOT_FOUND", undefined],
  ]);
});

test("secrets of a call are refused, in a run and in a schedule", async () => {
  const http = { url: "http://127.0.0.1/", signing_secret: "hush", secret_headers: { authorization: "hush" } };
  const run = { targets: [{ node: "alpha", http }], job: { http } };
  const fields = ["job.http", "targets[0].http"].flatMap((path) => [
    `${path}.secret_headers`,
    `${path}.signing_secret`,
  ]);
  const refused = await Promise.all([
    call("RunService/CreateRun", { run, request_id: "secrets" }),
    call("ScheduleService/CreateSchedule", { schedule: { every: "every 30 seconds", run } }),
  ]);
  for (const answer of refused) {
    expect(answer["code"]).toBe("invalid_argument");
    for (const field of fields) expect(JSON.stringify(answer)).toContain(field);
    expect(JSON.stringify(answer)).not.toContain("hush");
  }
});

test("a schedule on all nodes: each node's output, and a dead one is named and holds nobody up", async () => {
  const schedule = { name: "hello", every: "every 2 seconds" };
  const run = { all_nodes: true, job: { shell: { command: "echo hello world" } } };
  await call("ScheduleService/CreateSchedule", { schedule: { ...schedule, run } });
  const said = (target: string) =>
    expect.objectContaining({ target, stdout: "hello world\n", exitStatus: 0 }) as unknown;
  const whole = await eventually(async () => {
    const answer = await call("ScheduleService/GetLatestOutput", { name: "hello" });
    expect(answer["outputs"]).toEqual([said("alpha"), said("beta")]);
    return answer;
  });
  expect(whole["missing"] ?? []).toEqual([]);

  await beta.kill();
  await eventually(async () => {
    const answer = await call("ScheduleService/GetLatestOutput", { name: "hello", partial: true });
    expect(answer["outputs"]).toEqual([said("alpha")]);
    expect(answer["missing"]).toEqual([
      // It waits for a worker; how long that is not known to be dead is a matter of its lease.
      expect.objectContaining({ target: "beta", reason: expect.stringContaining("waits") as string }),
    ]);
    // It may have had its job when it was killed: that one waits again only when its lease is over.
  }, 120_000);
});

test("the same from the command line, and the run that waits for a dead node ends", async () => {
  const args = ["schedules", "create", "again", "--every", "every 1 hours", "--start-now"];
  const made = await runCli([...args, "--all-nodes", "--shell", "echo again"], { url: at.url });
  expect(made.status, made.stderr).toBe(0);
  const run = await eventually(async () => {
    const { lastRun } = await at.client.schedules.get("again");
    expect(lastRun).not.toBe("");
    return lastRun;
  });
  // Followed, each target's output goes by its name.
  const followed = await runCli(["runs", "watch", run], { url: at.url });
  expect(followed.stdout).toBe("alpha: again\n");
  const targets = [];
  await eventually(async () => expect((await at.client.runs.get(run)).endTime).toBeDefined(), 120_000);
  for await (const { target } of at.client.runs.outputs(run)) targets.push([target?.target, target?.state]);
  expect(targets).toEqual([
    ["alpha", RunTargetState.SUCCEEDED],
    ["beta", RunTargetState.EXPIRED],
  ]);
});
