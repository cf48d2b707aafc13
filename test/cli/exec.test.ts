import { writeFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { create, toJson } from "@pointsman/sdk";
import {
  CancelOutcome,
  CreateJobRequestSchema,
  JobErrorSchema,
  JobSchema,
  JobService,
  JobState,
  type CancelJobsRequest,
  type CreateJobRequest,
  type Job,
  type JobSpec,
} from "@pointsman/sdk/v1";
import { eventually } from "../support/eventually.js";
import { createScriptedJob, jobId, type ScriptedJob } from "../sdk/scripted-job.js";
import { serviceError, startScriptedServer, type ScriptedServer } from "../sdk/scripted-server.js";
import { runCli, startCli } from "./run-cli.js";
import { afterwards } from "../sdk/services.js";

interface Fleet extends ScriptedServer {
  readonly jobs: ScriptedJob[];
  readonly created: CreateJobRequest[];
  readonly cancelled: CancelJobsRequest[];
}

/** A service that accepts every job for a device it knows; `script` writes what becomes of it. */
async function startFleet(script: (job: ScriptedJob, name: string) => void): Promise<Fleet> {
  const jobs: ScriptedJob[] = [];
  const created: CreateJobRequest[] = [];
  const cancelled: CancelJobsRequest[] = [];
  const specs = new Map<string, JobSpec>();
  const accept = (spec: JobSpec | undefined): Job => {
    const name = spec?.target.case === "device" ? spec.target.value : "inline";
    if (name === "unknown") throw serviceError(Code.NotFound, "DEVICE_NOT_FOUND", "no device unknown");
    const job = createScriptedJob(jobId(jobs.length + 1));
    jobs.push(job);
    if (spec) specs.set(job.id, spec);
    script(job, name);
    return view(job);
  };
  const view = (job: ScriptedJob): Job => {
    const now = job.job();
    const failed = now.state === JobState.FAILED || now.state === JobState.INDETERMINATE;
    const error = { reason: "DEVICE_REJECTED", message: "rejected", deviceMessage: "% Invalid input" };
    return create(JobSchema, {
      ...now,
      ...(specs.has(job.id) ? { spec: specs.get(job.id)! } : {}),
      ...(failed ? { error: create(JobErrorSchema, error) } : {}),
    });
  };
  const find = (id: string): ScriptedJob => {
    const job = jobs.find((candidate) => candidate.id === id);
    if (!job) throw serviceError(Code.NotFound, "JOB_NOT_FOUND", `no job ${id}`);
    return job;
  };
  const server = await startScriptedServer((router) =>
    router.service(JobService, {
      createJob(request) {
        created.push(request);
        return { job: accept(request.job) };
      },
      batchCreateJobs(request) {
        return {
          results: request.jobs.map((spec, index) => {
            created.push(create(CreateJobRequestSchema, { job: spec, requestId: `${request.requestId}#${index}` }));
            try {
              return { result: { case: "job" as const, value: accept(spec) } };
            } catch {
              const value = { code: "not_found", reason: "DEVICE_NOT_FOUND", message: "no device unknown" };
              return { result: { case: "error" as const, value } };
            }
          }),
        };
      },
      getJob: (request) => ({ job: view(find(request.id)) }),
      cancelJobs(request) {
        cancelled.push(request);
        const ids = request.filter?.ids ?? [];
        for (const id of ids) find(id).append({ state: JobState.CANCELLED });
        const results = ids.map((id) => ({ id, outcome: CancelOutcome.CANCELLING }));
        return { cancelledCount: ids.length, cancelledIds: ids, results };
      },
      watchJob: (request, context) => find(request.id).watchJob(request, context),
    }),
  );
  afterwards(() => server.close());
  return Object.assign(server, { jobs, created, cancelled });
}

const succeed = (job: ScriptedJob, name: string): void => {
  job.append({ output: `${name} line 1\n${name} li` });
  job.append({ output: "ne 2" });
  job.append({ state: JobState.SUCCEEDED });
};

describe("exec", () => {
  it("writes the output of one device as it is, and everything else on standard error", async () => {
    const fleet = await startFleet(succeed);
    const result = await runCli(["exec", "r1", "--", "show", "version"], fleet);
    expect(result.stdout).toBe("r1 line 1\nr1 line 2\n");
    expect(result.stderr).toContain("r1: succeeded");
    expect(result.status).toBe(0);
    expect(fleet.created[0]?.job?.operation.value).toMatchObject({ commands: [{ command: "show version" }] });
  });

  it("tells the state once: the one it finds, then each that comes", async () => {
    const fleet = await startFleet((job) => {
      job.append({ state: JobState.QUEUED });
      job.append({ state: JobState.RUNNING });
    });
    const cli = startCli(["exec", "r1", "--", "show version"], fleet);
    await eventually(() => expect(cli.stderr()).toContain("running"));
    fleet.jobs[0]!.append({ state: JobState.DELAYED });
    fleet.jobs[0]!.append({ state: JobState.RUNNING });
    fleet.jobs[0]!.append({ state: JobState.SUCCEEDED });
    const told = (await cli.done).stderr.trimEnd().split("\n");
    expect(told).toEqual([`r1: job ${jobId(1)} running`, "r1: delayed", "r1: running", "r1: succeeded"]);
  });

  it("puts the device's name before whole lines when there are several", async () => {
    const fleet = await startFleet(succeed);
    const result = await runCli(["exec", "r1", "r2", "-c", "show version"], fleet);
    const lines = result.stdout.trimEnd().split("\n");
    expect(lines.filter((line) => line.startsWith("r1: "))).toEqual(["r1: r1 line 1", "r1: r1 line 2"]);
    expect(lines.filter((line) => line.startsWith("r2: "))).toEqual(["r2: r2 line 1", "r2: r2 line 2"]);
    expect(lines).toHaveLength(4);
  });

  it("shows output while the job still runs", async () => {
    const fleet = await startFleet((job) => job.append({ output: "first\n" }));
    const cli = startCli(["exec", "r1", "--", "show log"], fleet);
    await eventually(() => expect(cli.stdout()).toBe("first\n"));
    fleet.jobs[0]!.append({ output: "second\n" });
    await eventually(() => expect(cli.stdout()).toBe("first\nsecond\n"));
    fleet.jobs[0]!.append({ state: JobState.SUCCEEDED });
    expect((await cli.done).status).toBe(0);
  });

  it.each([
    [[JobState.SUCCEEDED, JobState.SUCCEEDED], 0],
    [[JobState.SUCCEEDED, JobState.FAILED], 1],
    [[JobState.SUCCEEDED, JobState.EXPIRED], 1],
    [[JobState.SUCCEEDED, JobState.CANCELLED], 1],
    [[JobState.FAILED, JobState.INDETERMINATE], 3],
  ])("ends with the status that states %j call for: %i", async (states, status) => {
    let next = 0;
    const fleet = await startFleet((job) => job.append({ state: states[next++]! }));
    expect((await runCli(["exec", "r1", "r2", "--", "show version"], fleet)).status).toBe(status);
  });

  it("says why a job failed, with the device's words, and that an unknown outcome holds the device", async () => {
    const fleet = await startFleet((job, name) =>
      job.append({ state: name === "r1" ? JobState.FAILED : JobState.INDETERMINATE }),
    );
    const failed = await runCli(["exec", "r1", "--", "show"], fleet);
    expect(failed.stderr).toContain("r1: failed\n  rejected (DEVICE_REJECTED)\n  the device said: % Invalid input");
    const unknown = await runCli(["exec", "r2", "--", "reload"], fleet);
    expect(unknown.stderr).toContain("r2: indeterminate: outcome unknown, device held\n");
    expect(unknown.stderr).toMatch(/look at the device, then resolve it with `pointsman resolve \w{26} applied/);
  });

  it("goes on with the devices that were accepted when one is refused, and ends with 1", async () => {
    const fleet = await startFleet(succeed);
    const result = await runCli(["exec", "r1", "unknown", "--", "show version"], fleet);
    expect(result.stdout).toContain("r1 line 1");
    expect(result.stderr).toContain("unknown: error: no device unknown (DEVICE_NOT_FOUND)");
    expect(result.status).toBe(1);
  });

  it("asks to cancel at the first Ctrl-C, follows to the end and ends with 130", async () => {
    const fleet = await startFleet((job) => job.append({ output: "working\n" }));
    const cli = startCli(["exec", "r1", "r2", "--", "show tech"], fleet);
    await eventually(() => expect(fleet.jobs.map((job) => job.open.count)).toEqual([1, 1]));
    cli.interrupt();
    const result = await cli.done;
    expect(fleet.cancelled).toHaveLength(1);
    expect(fleet.cancelled[0]).toMatchObject({
      interruptRunning: true,
      filter: { ids: fleet.jobs.map(({ id }) => id) },
    });
    expect(result.stderr).toContain("cancelling");
    expect(result.stderr).toContain("r1: cancelled");
    expect(result.status).toBe(130);
  });

  it("leaves at the second Ctrl-C while the job goes on, and leaves no watch behind", async () => {
    const fleet = await startFleet((job) => job.append({ output: "working\n" }));
    const cli = startCli(["exec", "r1", "--", "show tech"], fleet);
    await eventually(() => expect(fleet.jobs[0]?.open.count).toBe(1));
    // A job that does not heed the request: its events are not touched by the cancel call.
    const [job] = fleet.jobs.splice(0);
    cli.interrupt();
    await eventually(() => expect(cli.stderr()).toContain("cannot cancel"));
    cli.interrupt();
    expect((await cli.done).status).toBe(130);
    await eventually(() => expect(job!.open.count).toBe(0));
  });

  it("does not follow with --detach: the ids, one a line", async () => {
    const fleet = await startFleet(() => undefined);
    const result = await runCli(["exec", "r1", "r2", "--detach", "--", "show version"], fleet);
    expect(result).toMatchObject({ status: 0, stdout: `${jobId(1)}\n${jobId(2)}\n` });
  });

  it("writes JSON lines with --json: every event, then the whole job", async () => {
    const fleet = await startFleet(succeed);
    const result = await runCli(["exec", "r1", "--json", "--", "show version"], fleet);
    const records = result.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(records.map((record) => Object.keys(record)[2])).toEqual(["event", "event", "event", "result"]);
    expect(records[0]).toMatchObject({ target: "r1", job: jobId(1), event: { number: 1, output: { command: 1 } } });
    expect(records[3]).toMatchObject({ result: { id: jobId(1), state: "JOB_STATE_SUCCEEDED" } });
    expect(result.stderr).toBe("");
  });

  it("hands every option on", async () => {
    const fleet = await startFleet(succeed);
    const options = [
      ["-c", "clear counters", "--privilege", "enable", "--on-reject", "continue", "--priority", "-5"],
      ["--timeout", "1m30s", "--queue-timeout", "2h", "--label", "site=ber", "--label", "a=b=c"],
      ["--answer", "[confirm]=y", "--request-id", "once", "--idempotent", "--debug"],
    ].flat();
    await runCli(["exec", "r1", ...options], fleet);
    const [request] = fleet.created;
    expect(toJson(CreateJobRequestSchema, request!)).toEqual({
      requestId: "once",
      job: {
        device: "r1",
        commands: {
          commands: [{ command: "clear counters", answers: [{ question: "[confirm]", answer: "y" }] }],
          onReject: "ON_REJECT_CONTINUE",
          privilege: "PRIVILEGE_ENABLE",
        },
        effectClass: "EFFECT_CLASS_IDEMPOTENT",
        priority: -5,
        executionTimeout: "90s",
        queueTimeout: "7200s",
        labels: { site: "ber", a: "b=c" },
        debug: true,
      },
    });
  });

  it("removes control characters from a device's output at a terminal, and only there", async () => {
    const fleet = await startFleet((job) => {
      job.append({ output: "a\x1b]0;owned\x07b\r\n\u009bc\n" });
      job.append({ state: JobState.SUCCEEDED });
    });
    expect((await runCli(["exec", "r1", "--", "show"], { ...fleet, tty: true })).stdout).toBe("a]0;ownedb\nc\n");
    expect((await runCli(["exec", "r1", "--", "show"], fleet)).stdout).toBe("a\x1b]0;owned\x07b\r\n\u009bc\n");
  });

  it.each([
    [["exec", "r1"], "no command"],
    [["exec", "--", "show"], "no device"],
    [["exec", "admin@10.0.0.1", "--", "show"], "--platform"],
    [["exec", "r1", "--port", "22", "--", "show"], "--port is for a device given as account@address"],
    [["exec", "r1", "--timeout", "soon", "--", "show"], '"soon" is no duration'],
    [["exec", "r1", "--priority", "1000", "--", "show"], "-100 to 100"],
    [["exec", "r1", "--no-such-option", "--", "show"], "unknown option"],
    [["exec", "@10.0.0.1", "--platform", "linux", "--", "show"], "is no target"],
  ])("refuses %j with status 2 and one line", async (args, message) => {
    const result = await runCli(args, { url: "http://127.0.0.1:1" });
    expect(result.status).toBe(2);
    expect(result.stdout).toBe("");
    expect(result.stderr).toContain(message);
    expect(result.stderr.trimEnd().split("\n")).toHaveLength(1);
  });
});

describe("exec on a device given by address", () => {
  const secret = "pa55-w0rd";
  const args = ["exec", "admin@10.0.0.1:2222", "--platform", "cisco_ios", "--enable", "--", "show version"];

  it("reads password and enable secret from standard input, and shows them nowhere", async () => {
    const fleet = await startFleet(succeed);
    const result = await runCli(args, { ...fleet, stdin: `${secret}\nen-${secret}\n` });
    expect(fleet.created[0]?.job?.target.value).toMatchObject({
      address: "10.0.0.1",
      port: 2222,
      platform: "cisco_ios",
      login: { case: "secret", value: { username: "admin", password: secret, enableSecret: `en-${secret}` } },
    });
    expect(result.stdout + result.stderr).not.toContain(secret);
    expect(result.status).toBe(0);
  });

  it("asks for them at a terminal without echo", async () => {
    const fleet = await startFleet(succeed);
    const cli = startCli(args, { ...fleet, tty: true });
    await eventually(() => expect(cli.stderr()).toContain("password for admin: "));
    cli.type(`x\x7f${secret}\r`);
    await eventually(() => expect(cli.stderr()).toContain("enable secret for admin: "));
    cli.type(`en-${secret}\r`);
    const result = await cli.done;
    expect(fleet.created[0]?.job?.target.value).toMatchObject({
      login: { value: { password: secret, enableSecret: `en-${secret}` } },
    });
    expect(result.stdout + result.stderr).not.toContain(secret);
  });

  it("ends with 130 when the prompt is answered with Ctrl-C, and creates nothing", async () => {
    const fleet = await startFleet(succeed);
    const cli = startCli(args, { ...fleet, tty: true });
    await eventually(() => expect(cli.stderr()).toContain("password for admin: "));
    cli.type("abc\x03");
    expect((await cli.done).status).toBe(130);
    expect(fleet.created).toEqual([]);
  });

  it("says which line is missing when standard input is too short", async () => {
    const result = await runCli(args, { url: "http://127.0.0.1:1", stdin: `${secret}\n` });
    expect(result.status).toBe(2);
    expect(result.stderr).toContain("enable secret");
    expect(result.stderr).not.toContain(secret);
  });

  it("takes a private key and the host keys of a known_hosts file", async () => {
    const directory = await mkdtemp(join(tmpdir(), "pointsman-cli-"));
    afterwards(() => rm(directory, { recursive: true }));
    const identity = join(directory, "id");
    const knownHosts = join(directory, "known_hosts");
    await writeFile(identity, "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n");
    await writeFile(knownHosts, "[10.0.0.1]:2222 ssh-ed25519 AAAAright\n10.0.0.1 ssh-ed25519 AAAAwrong\n");
    const fleet = await startFleet(succeed);
    const files = ["--identity", identity, "--known-hosts", knownHosts, "--host-key", "ssh-rsa AAAAgiven"];
    await runCli(["exec", "admin@10.0.0.1", "--port", "2222", "--platform", "linux", ...files, "--", "id"], fleet);
    expect(fleet.created[0]?.job?.target.value).toMatchObject({
      port: 2222,
      login: { value: { username: "admin", password: "", privateKey: expect.stringContaining("RSA") as string } },
      hostKeys: ["ssh-rsa AAAAgiven", "ssh-ed25519 AAAAright"],
    });
    const unlisted = ["exec", "admin@10.0.0.9", "--platform", "linux", "--known-hosts", knownHosts, "--", "id"];
    expect((await runCli(unlisted, fleet)).stderr).toContain("holds no key for 10.0.0.9");
  });
});
