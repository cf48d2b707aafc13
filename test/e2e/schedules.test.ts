import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import type { Pointsman, ScheduleInput } from "@pointsman/sdk";
import { ScheduleState } from "@pointsman/sdk/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCli } from "../cli/run-cli.js";
import { eventually } from "../support/eventually.js";
import { device, startSystem, type System } from "../support/system.js";

let system: System;
let client: Pointsman;
beforeAll(async () => {
  system = await startSystem({
    devices: [device("fra-r1"), device("fra-r2")],
    env: { POINTSMAN_SHELL_COMMANDS: "echo", POINTSMAN_NODE: "here" },
  });
  ({ client } = system);
  for (const name of ["fra-r1", "fra-r2"])
    await client.devices.update(name, { labels: { site: "fra", role: "router" } });
});
afterAll(() => system.close());

const cli = (...words: readonly string[]) => runCli(words, { url: system.url });
const names = async (): Promise<string[]> =>
  (await client.schedules.list({}, { pageSize: 1_000 })).items.map((one) => one.name);

/** Runs lines of the documentation in a shell, against this system. */
async function shell(line: string): Promise<unknown> {
  const { stdout } = await promisify(execFile)("sh", [
    "-c",
    line.replaceAll("localhost:9000", new URL(system.url).host),
  ]);
  return JSON.parse(stdout);
}

async function post(method: string, body: object): Promise<{ readonly status: number; readonly text: string }> {
  const response = await fetch(`${system.url}/pointsman.v1.ScheduleService/${method}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: response.status, text: await response.text() };
}

describe("what is no schedule is refused, and nothing is stored", () => {
  const run = { devices: ["fra-r1"], job: { commands: { commands: [{ command: "show clock" }] } } };

  test.each([
    ["every nothing", { every: "every 0 seconds" }, ["--every", "every 0 seconds"], "schedule.every"],
    ["an interval without a unit", { every: "every 30" }, ["--every", "every 30"], "schedule.every"],
    ["a bad cron", { cron: "61 * * * *" }, ["--cron", "61 * * * *"], "schedule.cron"],
    ["cron of three fields", { cron: "* * *" }, ["--cron", "* * *"], "schedule.cron"],
    ["a time that has passed", { at: "2020-01-01T00:00:00Z" }, ["--at", "2020-01-01T00:00:00Z"], "schedule.at"],
  ])("%s", async (_what, when, options, field) => {
    const { status, text } = await post("CreateSchedule", { schedule: { name: "bad", ...when, run } });
    expect(status).toBe(400);
    expect(text).toContain("invalid_argument");
    expect(text).toContain(field);
    const said = await cli("schedules", "create", "bad", ...options, "--device", "fra-r1", "--", "show", "clock");
    expect(said).toMatchObject({ status: 1, stdout: "" });
    expect(said.stderr).toContain("INVALID_REQUEST");
    expect(said.stderr).toContain(field);
    expect(await names()).toEqual([]);
  });

  test("a time that only looks like one", async () => {
    const options = ["--every", "every 1 hours", "--start", "foo 2040"];
    const said = await cli("schedules", "create", "bad", ...options, "--device", "fra-r1", "--", "show", "clock");
    expect(said.status).toBe(2);
    expect(said.stderr).toContain('"foo 2040" is no time');
    expect(await names()).toEqual([]);
  });

  test("two kinds at once", async () => {
    const when = { every: "every 30 seconds", cron: "* * * * *" };
    const { status, text } = await post("CreateSchedule", { schedule: { name: "bad", ...when, run } });
    expect(status).toBe(400);
    expect(text).toContain("invalid_argument");
    const options = ["--every", "every 30 seconds", "--cron", "* * * * *"];
    const said = await cli("schedules", "create", "bad", ...options, "--device", "fra-r1", "--", "show", "clock");
    expect(said).toMatchObject({ status: 2, stderr: "error: only one of --cron, --every and --at\n" });
    const both = { name: "bad", every: "every 30 seconds", cron: "* * * * *", run: { commands: ["show clock"] } };
    await expect(client.schedules.create(both as unknown as ScheduleInput)).rejects.toThrow();
    expect(await names()).toEqual([]);
  });
});

test("from the command line: created, listed, previewed, triggered, paused, backfilled, and its outputs read", async () => {
  const made = await cli(
    ...["schedules", "create", "clock", "--cron", "0 3 * * *", "--time-zone", "Europe/Berlin"],
    ...[
      "--selector",
      "site=fra",
      "--overlap",
      "allow",
      "--label",
      "team=core",
      "--description",
      "the time",
      "--",
      "show",
      "clock",
    ],
  );
  expect(made).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^clock is added; it comes first at /) as string,
  });
  const listed = await cli("schedules", "--label", "team=core");
  expect(listed.stdout).toMatch(/^clock +0 3 \* \* \*.*active.*the time$/m);
  expect((await cli("schedules", "--label", "team=edge")).stderr).toBe("no schedule\n");

  // Over the end of summer time in Berlin, the wall says three every day.
  const previewed = await cli("schedules", "preview", "clock", "--count", "3", "--from", "2030-10-26T00:00:00Z");
  expect(
    previewed.stdout
      .match(/2030-\S+T\S+|2030-\d\d-\d\d \d\d:\d\d:\d\d/g)
      ?.slice(0, 6)
      .filter((_, i) => i % 2 === 0),
  ).toEqual([
    expect.stringMatching(/^2030-10-26.01:00:00/),
    expect.stringMatching(/^2030-10-27.02:00:00/),
    expect.stringMatching(/^2030-10-28.02:00:00/),
  ]);

  const triggered = await cli("schedules", "trigger", "clock", "--request-id", "t-1");
  const run = triggered.stdout.trim();
  expect(await cli("schedules", "trigger", "clock", "--request-id", "t-1")).toMatchObject({ stdout: `${run}\n` });
  const outputs = await eventually(async () => {
    const read = await cli("outputs", "clock", "--json");
    expect(read.status).toBe(0);
    return JSON.parse(read.stdout) as { run: { id: string }; outputs: { target: string; stdout: string }[] };
  }, 60_000);
  expect(outputs.outputs.map(({ target }) => target).sort()).toEqual(["fra-r1", "fra-r2"]);
  expect((await client.schedules.latestOutput("clock")).outputs[0]?.stdout).not.toBe("");

  expect(await cli("schedules", "pause", "clock", "--note", "rack work")).toMatchObject({
    stdout: "clock is paused\n",
  });
  expect((await client.schedules.get("clock")).state).toBe(ScheduleState.PAUSED);
  expect((await cli("schedules", "show", "clock")).stdout).toContain("rack work");
  expect((await cli("schedules", "resume", "clock")).stdout).toMatch(/^clock goes on; it comes next at /);

  const range = ["--from", "2026-01-01T00:00:00Z", "--to", "2026-01-03T00:00:00Z"];
  const filled = await cli("schedules", "backfill", "clock", ...range);
  expect(filled.stdout.match(/started/g)).toHaveLength(2);
  expect((await cli("schedules", "backfill", "clock", ...range)).stdout.match(/had it before/g)).toHaveLength(2);
  const history = await cli("schedules", "history", "clock", "--json");
  const causes = (JSON.parse(history.stdout) as { entries: { cause: string }[] }).entries.map(({ cause }) => cause);
  // It may be three in the morning in Berlin just now.
  const asked = causes.filter((cause) => cause !== "FIRING_CAUSE_TIME");
  expect(asked.sort()).toEqual(["FIRING_CAUSE_BACKFILL", "FIRING_CAUSE_BACKFILL", "FIRING_CAUSE_TRIGGER"]);

  expect(await cli("schedules", "delete", "clock")).toMatchObject({ stdout: "clock is removed\n" });
  expect((await cli("schedules", "show", "clock")).stderr).toBe("error: no schedule clock (SCHEDULE_NOT_FOUND)\n");
});

test("the curl examples of the documentation work as they are written", async () => {
  const text = readFileSync("docs/schedules.md", "utf8");
  const examples = [...text.matchAll(/```sh\n([\s\S]+?)```/g)]
    .flatMap(([, block = ""]) => block.split(/^(?=curl )/m))
    .filter((line) => line.startsWith("curl "))
    // Nobody waits half a minute here.
    .map((line) => line.trim().replaceAll("every 30 seconds", "every 1 seconds"));
  expect(examples).toHaveLength(4);
  const [clock, clockOutput, hello, helloOutput] = examples;
  expect(await shell(clock!)).toMatchObject({ schedule: { name: "clock", every: "every 1 seconds" } });
  expect(await shell(hello!)).toMatchObject({ schedule: { name: "hello" } });
  await eventually(async () => {
    expect(await shell(clockOutput!)).toMatchObject({
      outputs: ["fra-r1", "fra-r2"].map((target) => ({ target, stdout: expect.stringMatching(/\d/) as string })),
      completionTime: expect.any(String) as string,
    });
  }, 60_000);
  await eventually(async () => {
    expect(await shell(helloOutput!)).toMatchObject({
      outputs: [{ target: "here", stdout: "hello world\n", exitStatus: 0 }],
    });
  }, 60_000);
  for (const name of ["clock", "hello"]) await client.schedules.delete(name);
});
