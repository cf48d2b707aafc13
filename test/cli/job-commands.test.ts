import { describe, expect, it } from "vitest";
import { create, durationFromMs, timestampFromDate } from "@pointsman/sdk";
import {
  CancelOutcome,
  CommandStatus,
  ConfigMode,
  Effect,
  JobSchema,
  JobState,
  ResolutionKind,
  SyncedSchema,
  WaitingReason,
} from "@pointsman/sdk/v1";
import { eventually } from "../support/eventually.js";
import { createScriptedJob, jobId } from "../sdk/scripted-job.js";
import { startServices } from "../sdk/services.js";
import { runCli, startCli } from "./run-cli.js";

const device = (name: string) => ({ case: "device" as const, value: name });
const commands = (...lines: string[]) => ({
  case: "commands" as const,
  value: { commands: lines.map((command) => ({ command })) },
});

describe("jobs", () => {
  const jobs = [
    {
      id: jobId(1),
      state: JobState.QUEUED,
      spec: { target: device("r1"), operation: commands("show version", "show clock") },
      waitingReason: WaitingReason.DEVICE_BUSY,
      blockingJob: jobId(9),
      position: 2,
    },
    {
      id: jobId(2),
      state: JobState.FAILED,
      spec: { target: device("r2"), operation: commands("show") },
      error: { reason: "CONNECTION_REFUSED", message: "refused" },
      waitDuration: durationFromMs(1_500),
    },
  ];

  it("are a table with why each waits or failed, and one document with --json", async () => {
    const seen: unknown[] = [];
    const server = await startServices({
      jobs: {
        listJobs(request) {
          seen.push(request.filter);
          return { jobs, nextPageToken: "" };
        },
      },
    });
    const filter = [
      "--state",
      "queued,failed",
      "--device",
      "r1",
      "--device",
      "r2",
      "--label",
      "site=ber",
      "--since",
      "1h",
    ];
    const now = new Date("2026-11-20T12:00:00Z");
    const text = await runCli(["jobs", ...filter], { ...server, now });
    expect(text.stdout.split("\n")[1]).toMatch(/queued +r1 +show version \(\+1\) .*device-busy \(position 2, behind /);
    expect(text.stdout.split("\n")[2]).toMatch(/failed +r2 +show +1\.5 s +CONNECTION_REFUSED$/);
    expect(seen[0]).toMatchObject({
      states: [JobState.QUEUED, JobState.FAILED],
      devices: ["r1", "r2"],
      labels: { site: "ber" },
      createdAfter: { seconds: BigInt(now.getTime() / 1000 - 3600) },
    });
    const json = JSON.parse((await runCli(["jobs", "--json"], server)).stdout) as { jobs: unknown[] };
    expect(json.jobs[0]).toMatchObject({
      id: jobId(1),
      state: "JOB_STATE_QUEUED",
      waitingReason: "WAITING_REASON_DEVICE_BUSY",
    });
  });

  it("stop at the limit, say that there are more, and go through every page with --all", async () => {
    const server = await startServices({
      jobs: {
        listJobs: ({ pageToken }) => ({ jobs, nextPageToken: pageToken === "xx" ? "" : `${pageToken}x` }),
      },
    });
    const three = await runCli(["jobs", "--limit", "3"], server);
    expect(three.stdout.trimEnd().split("\n")).toHaveLength(1 + 3);
    expect(three.stderr).toContain("there are more");
    const all = await runCli(["jobs", "--all"], server);
    expect(all.stdout.trimEnd().split("\n")).toHaveLength(1 + 6);
    expect(all.stderr).toBe("");
  });

  it("are counted by state", async () => {
    const server = await startServices({
      jobs: { countJobs: () => ({ total: 5, byState: { QUEUED: 2, FAILED: 3 } }) },
    });
    expect((await runCli(["jobs", "count"], server)).stdout).toBe("STATE   JOBS\nqueued  2\nfailed  3\ntotal   5\n");
    expect(JSON.parse((await runCli(["jobs", "count", "--json"], server)).stdout)).toEqual({
      total: 5,
      byState: { QUEUED: 2, FAILED: 3 },
    });
  });
});

describe("job", () => {
  const job = {
    id: jobId(1),
    state: JobState.INDETERMINATE,
    spec: { target: device("r1"), operation: commands("show clock", "reload") },
    effect: Effect.PARTIAL,
    lastIntendedStep: 2,
    lastConfirmedStep: 1,
    error: {
      reason: "DISCONNECTED",
      message: "the connection was lost",
      tail: "proceed?",
      metadata: { phase: "command" },
    },
    resolution: { kind: ResolutionKind.NOT_APPLIED, resolver: "ann", reason: "uptime unchanged" },
    attempts: [{ number: 1 }],
    result: {
      result: {
        case: "commands" as const,
        value: {
          commands: [
            {
              command: "show clock",
              status: CommandStatus.OK,
              output: "12:00\n",
              outputBytes: 6,
              duration: durationFromMs(40),
            },
            { command: "reload", status: CommandStatus.INTERRUPTED, errorLines: ["% bad"], exitStatus: 7 },
          ],
        },
      },
    },
  };

  it("shows state, effect, error, resolution and each command", async () => {
    const server = await startServices({ jobs: { getJob: () => ({ job }) } });
    const { stdout } = await runCli(["job", jobId(1)], server);
    for (const line of [
      /state +indeterminate/,
      /effect +partial: 1 confirmed of 2/,
      /error +the connection was lost \(DISCONNECTED\)/,
      /phase +command/,
      /last received +proceed\?/,
      /resolved +not applied/,
      /1 +ok +40 ms +6 B +show clock/,
      /2 +interrupted +0 B +7 +reload +% bad/,
    ]) {
      expect(stdout).toMatch(line);
    }
  });

  it("says of a job whose outcome is unknown what was sent last, what was answered, and how to settle it", async () => {
    const { resolution: _, ...rest } = job;
    const open = { ...rest, endTime: timestampFromDate(new Date("2026-11-20T12:00:00Z")), lastConfirmedStep: 0 };
    const server = await startServices({ jobs: { getJob: () => ({ job: open }) } });
    const { stdout } = await runCli(["job", jobId(1)], server);
    expect(stdout).toMatch(/^last sent +2 of 2: reload$/m);
    expect(stdout).toMatch(/^last answered +none$/m);
    expect(stdout).toMatch(/^held +the device takes no change since 2026-11-20T\S+, until this is resolved$/m);
    expect(stdout).toContain(`\`pointsman resolve ${jobId(1)} applied|not-applied|rerun --reason …\``);
    expect(stdout).not.toMatch(/^timer/m);
    expect(stdout).toMatch(/^session +new$/m);
    const lost = { ...open, error: { reason: "WORKER_LOST", message: "lost" } };
    const told = await startServices({ jobs: { getJob: () => ({ job: lost }) } });
    const { stdout: untold } = await runCli(["job", jobId(1)], told);
    expect(untold).not.toMatch(/^session/m);
    expect(untold).toMatch(/^last sent +2 of 2: reload; what followed within 50 ms is not known$/m);
    const settled = await startServices({ jobs: { getJob: () => ({ job }) } });
    expect((await runCli(["job", jobId(1)], settled)).stdout).not.toMatch(/last sent|pointsman resolve/);
  });

  it("says of a change under a timer that it may still be taken back, and at which line it stood", async () => {
    const value = { mode: ConfigMode.APPLY_CONFIRMED, confirmTimeout: durationFromMs(600_000) };
    const operation = { case: "configure" as const, value };
    const lines = [{ line: "interface Lo0", status: CommandStatus.OK }];
    const doubt = {
      ...{ id: jobId(1), state: JobState.INDETERMINATE, spec: { target: device("r1"), operation } },
      ...{ lastIntendedStep: 2, lastConfirmedStep: 1 },
      endTime: timestampFromDate(new Date("2026-11-20T12:00:00Z")),
      result: { result: { case: "configure" as const, value: { lines } } },
    };
    const server = await startServices({ jobs: { getJob: () => ({ job: doubt }) } });
    const { stdout } = await runCli(["job", jobId(1)], server);
    expect(stdout).toMatch(/^last sent +2: behind the lines that were told, or the commit$/m);
    expect(stdout).toMatch(/^last answered +1: interface Lo0$/m);
    expect(stdout).toMatch(
      /^timer +the device may take the change back by itself within 10 m of 2026-11-20T\S+; no verdict/m,
    );
    expect(stdout).toContain(`\`pointsman reconcile ${jobId(1)}\` tells of each line`);
  });

  it("gives output byte for byte with --output, and ends the line for a person alone", async () => {
    const commands = [{ command: "more flash:note", status: CommandStatus.OK, output: "no end", outputBytes: 6 }];
    const ended = { ...job, result: { result: { case: "commands", value: { commands } } } } as never;
    const server = await startServices({ jobs: { getJob: () => ({ job: ended }) } });
    expect((await runCli(["job", jobId(1), "--output"], server)).stdout).toBe("no end");
    expect((await runCli(["job", jobId(1), "--output"], { ...server, tty: true })).stdout).toBe("no end\n");
  });

  it("gives the bare output with --output, and the message with --json", async () => {
    const server = await startServices({ jobs: { getJob: () => ({ job }) } });
    expect((await runCli(["job", jobId(1), "--output"], server)).stdout).toBe("12:00\n");
    expect(await runCli(["job", jobId(1), "--transcript"], server)).toMatchObject({ status: 1, stdout: "" });
    const debugged = await startServices({ jobs: { getJob: () => ({ job: { ...job, transcript: '{"at":1}\n' } }) } });
    expect((await runCli(["job", jobId(1), "--transcript"], debugged)).stdout).toBe('{"at":1}\n');
    const json = JSON.parse((await runCli(["job", jobId(1), "--json"], server)).stdout) as unknown;
    expect(json).toMatchObject({ id: jobId(1), resolution: { resolver: "ann" }, result: { commands: {} } });
  });
});

describe("watch", () => {
  it("follows one job and ends with the status of its end", async () => {
    const job = createScriptedJob(jobId(1));
    job.append({ output: "early\n" });
    const server = await startServices({ jobs: { watchJob: job.watchJob, getJob: () => ({ job: job.job() }) } });
    const cli = startCli(["watch", job.id], server);
    await eventually(() => expect(cli.stdout()).toBe("early\n"));
    job.append({ state: JobState.INDETERMINATE });
    expect((await cli.done).status).toBe(3);
  });

  it("follows many until Ctrl-C, and leaves no call behind", async () => {
    let open = 0;
    const server = await startServices({
      jobs: {
        async *watchJobs(request, context) {
          open++;
          expect(request.filter?.devices).toEqual(["r1"]);
          const spec = { target: device("r1"), operation: commands("show version") };
          yield {
            cursor: "1",
            item: { case: "changed", value: create(JobSchema, { id: jobId(1), state: JobState.RUNNING, spec }) },
          };
          yield { cursor: "2", item: { case: "synced", value: create(SyncedSchema) } };
          yield { cursor: "3", item: { case: "removed", value: jobId(1) } };
          await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
          open--;
        },
      },
    });
    const cli = startCli(["watch", "--device", "r1"], server);
    await eventually(() => expect(cli.stdout().trimEnd().split("\n")).toHaveLength(2));
    expect(cli.stdout()).toMatch(/running +r1 +show version\n.*no longer among them/);
    cli.interrupt();
    expect((await cli.done).status).toBe(130);
    await eventually(() => expect(open).toBe(0));

    const json = startCli(["watch", "--device", "r1", "--json"], server);
    await eventually(() => expect(json.stdout().trimEnd().split("\n")).toHaveLength(3));
    const records = json
      .stdout()
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
    expect(records).toMatchObject([{ changed: { id: jobId(1) } }, { synced: {} }, { removed: jobId(1), cursor: "3" }]);
    json.interrupt();
    await json.done;
  });
});

describe("cancel", () => {
  it("says what became of each, names ids that are not known, and ends with 1 for those", async () => {
    const seen: unknown[] = [];
    const server = await startServices({
      jobs: {
        cancelJobs(request) {
          seen.push(request);
          const results = [
            { id: jobId(1), outcome: CancelOutcome.CANCELLED },
            { id: jobId(2), outcome: CancelOutcome.RUNNING },
          ];
          return { cancelledCount: 1, cancelledIds: [jobId(1)], results };
        },
      },
    });
    const result = await runCli(["cancel", jobId(1), jobId(2), jobId(3), "--reason", "enough"], server);
    expect(result.stdout).toBe(`${jobId(1)}  cancelled\n${jobId(2)}  runs, left alone\n`);
    expect(result.stderr).toContain(`no job ${jobId(3)}`);
    expect(result.stderr).toContain("--interrupt-running");
    expect(result.status).toBe(1);
    expect(seen[0]).toMatchObject({ interruptRunning: false, reason: "enough", filter: { ids: [1, 2, 3].map(jobId) } });
    const byLine = await runCli(["cancel", "--queue", "device/r1", "--interrupt-running", "--json"], server);
    expect(seen[1]).toMatchObject({ interruptRunning: true, filter: { ids: [], queues: ["device/r1"] } });
    expect(JSON.parse(byLine.stdout)).toMatchObject({
      cancelledCount: 1,
      results: [{}, { outcome: "CANCEL_OUTCOME_RUNNING" }],
    });
  });

  it("never cancels everything because nothing was said", async () => {
    const result = await runCli(["cancel"], { url: "http://127.0.0.1:1" });
    expect(result).toMatchObject({ status: 2, stderr: "error: which jobs? name them, or choose them by options\n" });
    expect((await runCli(["cancel", jobId(1), "--device", "r1"], { url: "http://127.0.0.1:1" })).status).toBe(2);
  });
});

describe("resolve", () => {
  it("hands on the verdict with its reason, and asks for both", async () => {
    const seen: unknown[] = [];
    const server = await startServices({
      jobs: {
        resolveJob(request) {
          seen.push(request);
          return {
            job: { id: request.id },
            ...(request.kind === ResolutionKind.RERUN ? { rerunJob: { id: jobId(2) } } : {}),
          };
        },
      },
    });
    const said = await runCli(["resolve", jobId(1), "not-applied", "--reason", "looked"], server);
    expect(said.stdout).toBe(`${jobId(1)} is resolved: not-applied\n`);
    expect(seen[0]).toMatchObject({ id: jobId(1), kind: ResolutionKind.NOT_APPLIED, reason: "looked" });
    expect((await runCli(["resolve", jobId(1), "rerun", "--reason", "x"], server)).stdout).toContain(
      `run again as ${jobId(2)}`,
    );
    expect((await runCli(["resolve", jobId(1), "maybe", "--reason", "x"], server)).status).toBe(2);
    expect((await runCli(["resolve", jobId(1), "applied"], server)).status).toBe(2);
    expect(seen).toHaveLength(2);
  });
});
