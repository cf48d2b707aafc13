import type { MessageInitShape } from "@bufbuild/protobuf";
import { create, durationFromMs } from "@pointsman/sdk";
import {
  CommandStatus,
  ConfigMode,
  type CreateJobRequest,
  type Job,
  JobSchema,
  JobState,
  type ConfigureResultSchema,
} from "@pointsman/sdk/v1";
import { describe, expect, it } from "vitest";
import { createScriptedJob, jobId } from "../sdk/scripted-job.js";
import { startServices } from "../sdk/services.js";
import { runCli } from "./run-cli.js";
import { temporaryFile } from "./temporary-file.js";

const hash = "ab".repeat(32);

/** A service whose only job ends well with the given result. */
async function startService(result: MessageInitShape<typeof ConfigureResultSchema>) {
  const created: CreateJobRequest[] = [];
  const script = createScriptedJob(jobId(1));
  script.append({ output: "Enter TEXT message.\n" });
  script.append({ state: JobState.SUCCEEDED });
  const view = (): Job => {
    const { id, state, lastEvent } = script.job();
    const spec = created[0]?.job;
    return create(JobSchema, {
      ...{ id, state, lastEvent },
      ...(spec ? { spec } : {}),
      result: { result: { case: "configure", value: result } },
    });
  };
  const server = await startServices({
    jobs: {
      createJob(request) {
        created.push(request);
        return { job: view() };
      },
      getJob: () => ({ job: view() }),
      watchJob: (request, context) => script.watchJob(request, context),
    },
  });
  return Object.assign(server, { created });
}

const operationOf = (request: CreateJobRequest | undefined) => {
  const operation = request?.job?.operation;
  return operation?.case === "configure" ? operation.value : undefined;
};

describe("configure", () => {
  it("types each word behind -- as a line, indentation kept, and prints the difference and what became of it", async () => {
    const diff = { text: " interface Lo0\n+ description x\n", bytes: 30 };
    const service = await startService({ diff, diffPredicted: true, planHash: hash });
    const result = await runCli(["configure", "r1", "--plan", "--", "interface Lo0", " description x"], service);
    expect(result.status).toBe(0);
    expect(result.stdout).toBe(
      "Enter TEXT message.\n interface Lo0\n+ description x\n" +
        `the difference is predicted from the running configuration\nplan hash ${hash}\n`,
    );
    expect(operationOf(service.created[0])).toMatchObject({
      mode: ConfigMode.PLAN,
      save: false,
      input: { case: "lines", value: { lines: ["interface Lo0", " description x"] } },
    });
  });

  it("takes a file as one text, and hands on timer, checks and the plan's hash", async () => {
    const check = { command: "show x", after: true, passed: true, missing: [], found: [] };
    const service = await startService({
      committed: true,
      confirmed: true,
      saved: true,
      checks: [check],
    });
    const file = await temporaryFile("change.txt", "banner motd @\nhello\n@\n");
    const options = ["--file", file, "--confirmed", "10m", "--save", "--plan-hash", hash, "--accept-unproven"];
    const checks = ["--check", "show x=up=1", "--check", "show x=!down", "--pre-check", "show y=ok"];
    const result = await runCli(["configure", "r1", ...options, ...checks], service);
    expect(result.stdout).toContain('check after "show x": holds\ncommitted, confirmed, saved\n');
    expect(operationOf(service.created[0])).toMatchObject({
      mode: ConfigMode.APPLY_CONFIRMED,
      confirmTimeout: durationFromMs(600_000),
      save: true,
      planHash: hash,
      ...{ acceptUnproven: true, acceptReboot: false },
      input: { case: "text", value: "banner motd @\nhello\n@\n" },
      preChecks: [{ command: "show y", include: ["ok"], exclude: [] }],
      postChecks: [{ command: "show x", include: ["up=1"], exclude: ["down"] }],
    });
  });

  it("refuses what cannot be meant, before it calls", async () => {
    for (const words of [
      ["configure", "r1"],
      ["configure", "r1", "--file", "x", "--", "line"],
      ["configure", "--", "line"],
      ["configure", "admin@10.0.0.1", "--", "line"],
      ["configure", "r1", "--plan", "--confirmed", "5m", "--", "line"],
      ["configure", "r1", "--check", "show x", "--", "line"],
    ]) {
      const result = await runCli(words, { url: "http://127.0.0.1:9" });
      expect([words, result.status]).toEqual([words, 2]);
    }
  });

  it("shows every line of it in `job`", async () => {
    const lines = [
      { line: "interface Lo0", status: CommandStatus.OK, errorLines: [] },
      { line: " bogus", status: CommandStatus.REJECTED, errorLines: ["% Invalid input"] },
    ];
    const service = await startService({ lines });
    const result = await runCli(["job", jobId(1)], service);
    expect(result.stdout).toMatch(/1 +ok +interface Lo0/);
    expect(result.stdout).toMatch(/2 +rejected + bogus +% Invalid input/);
  });
});
