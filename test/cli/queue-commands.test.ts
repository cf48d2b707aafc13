import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { timestampFromDate } from "@pointsman/sdk";
import { DedupePolicy, JobState, LockScope, RetainOutput, type JobSpec } from "@pointsman/sdk/v1";
import { time } from "../../src/cli/terminal/format.js";
import { eventually } from "../support/eventually.js";
import { createScriptedJob, jobId } from "../sdk/scripted-job.js";
import { serviceError } from "../sdk/scripted-server.js";
import { startServices } from "../sdk/services.js";
import { runCli, startCli } from "./run-cli.js";

const noon = timestampFromDate(new Date("2026-11-20T12:00:00Z"));
const nowhere = { url: "http://127.0.0.1:1" };

describe("exec", () => {
  it("hands on how jobs queue, what a twin means and what is kept", async () => {
    const seen: (JobSpec | undefined)[] = [];
    const server = await startServices({
      jobs: {
        createJob({ job }) {
          seen.push(job);
          return { job: { id: jobId(1) } };
        },
        batchCreateJobs({ jobs }) {
          seen.push(...jobs);
          return { results: jobs.map((_, index) => ({ result: { case: "job", value: { id: jobId(index) } } })) };
        },
      },
    });
    const options = ["--queue", "backups", "--fail-if-blocked", "--retain-output", "none", "--warn-after", "2m"];
    const twins = ["--dedupe-key", "{device}/nightly", "--dedupe-policy", "replace"];
    await runCli(["exec", "--detach", ...options, ...twins, "r1", "--", "show", "version"], server);
    expect(seen[0]).toMatchObject({
      queue: "backups",
      failIfBlocked: true,
      retainOutput: RetainOutput.NONE,
      warnAfter: { seconds: 120n },
      dedupeKey: "r1/nightly",
      dedupePolicy: DedupePolicy.REPLACE,
    });
    await runCli(["exec", "--detach", ...twins, "r1", "r2", "--", "show", "version"], server);
    expect(seen.slice(1).map((job) => job?.dedupeKey)).toEqual(["r1/nightly", "r2/nightly"]);
  });

  it("leaves a job that it joined alone at Ctrl-C", async () => {
    const job = createScriptedJob(jobId(1));
    let cancels = 0;
    const server = await startServices({
      jobs: {
        createJob: () => ({ job: job.job(), replayed: true }),
        watchJob: job.watchJob,
        getJob: () => ({ job: job.job() }),
        cancelJobs() {
          cancels++;
          return {};
        },
      },
    });
    const join = ["--dedupe-key", "k", "--dedupe-policy", "join"];
    const cli = startCli(["exec", ...join, "r1", "--", "show", "clock"], server);
    await eventually(() => expect(cli.stderr()).toContain(`r1: joined job ${job.id}`));
    cli.interrupt();
    await eventually(() => expect(cli.stderr()).toContain("left alone\n"));
    job.append({ state: JobState.SUCCEEDED });
    expect((await cli.done).status).toBe(130);
    expect(cancels).toBe(0);
  });

  it("refuses one key for several devices, which would make twins of them, and a policy without a key", async () => {
    const twins = await runCli(["exec", "--dedupe-key", "nightly", "r1", "r2", "--", "show"], nowhere);
    expect(twins.status).toBe(2);
    expect(twins.stderr).toContain("write {device} into it");
    expect((await runCli(["exec", "--dedupe-policy", "join", "r1", "--", "show"], nowhere)).status).toBe(2);
  });
});

describe("devices", () => {
  const lock = { owner: "ann", scope: LockScope.CHANGES, reason: "swap", time: noon };

  it("are locked with scope, reason and time, and unlocked", async () => {
    const seen: unknown[] = [];
    const server = await startServices({
      devices: {
        lockDevice({ name, scope, reason, duration }) {
          seen.push([name, scope, reason, duration?.seconds]);
          return { device: { name, status: { lock: { ...lock, scope, reason } } } };
        },
        unlockDevice({ name, force }) {
          if (!force) throw serviceError(Code.FailedPrecondition, "DEVICE_LOCKED", "device r1 is locked by ann");
          return { device: { name } };
        },
      },
    });
    const all = await runCli(["devices", "lock", "r1", "--reason", "swap", "--all", "--for", "2h"], server);
    expect(all.stdout).toContain("r1 is locked by ann for all work");
    expect((await runCli(["devices", "lock", "r1", "--reason", "x"], server)).stdout).toMatch(
      /^r1 is locked by ann for changes, since .*, until it is unlocked: x\n$/,
    );
    expect(seen).toEqual([
      ["r1", LockScope.ALL, "swap", 7200n],
      ["r1", LockScope.CHANGES, "x", undefined],
    ]);
    expect((await runCli(["devices", "lock", "r1"], nowhere)).status).toBe(2);
    expect(await runCli(["devices", "unlock", "r1"], server)).toEqual({
      status: 1,
      stdout: "",
      stderr: "error: device r1 is locked by ann (DEVICE_LOCKED)\n",
    });
    expect((await runCli(["devices", "unlock", "r1", "--force"], server)).stdout).toBe("r1 is unlocked\n");
  });

  it("show lock, pause and hold with what lifts each", async () => {
    const server = await startServices({
      devices: {
        getDevice: () => ({
          device: { name: "r1", status: { lock, paused: true, hold: { job: jobId(5), time: noon } } },
        }),
      },
      queues: {
        getQueue: ({ name }) => ({ queue: { name, pause: { caller: "bob", reason: "vendor", time: noon } } }),
      },
    });
    const { stdout } = await runCli(["devices", "get", "r1"], server);
    expect(stdout).toMatch(/^held +since .*resolve it with `pointsman resolve /m);
    expect(stdout).toMatch(/^locked +by ann for changes.*: swap; `pointsman devices unlock r1` opens it$/m);
    expect(stdout).toMatch(/^paused +by bob since .*: vendor; `pointsman queues resume device\/r1` opens it$/m);
  });
});

describe("queues and limits", () => {
  it("are listed, shown, paused and resumed, with their zones", async () => {
    const seen: unknown[] = [];
    const pause = { caller: "ann", reason: "vendor", time: noon };
    const counted = { acceptedPerMinute: 12.4, endedPerMinute: 0.46 };
    const server = await startServices({
      queues: {
        listQueues: ({ zones }) => ({
          queues: [
            { zone: zones[0] ?? "default", name: "backups", waiting: 3, running: 2, limit: 2, ...counted, pause },
          ],
        }),
        getQueue: ({ name }) => ({ queue: { name, zone: "default", waiting: 1 } }),
        pauseQueue({ name, zone, reason }) {
          seen.push([name, zone, reason]);
          return { queue: { name, waiting: 3, running: 2, pause } };
        },
        resumeQueue({ name, zone }) {
          seen.push([name, zone]);
          return { queue: { name, waiting: 3 } };
        },
      },
    });
    expect((await runCli(["queues", "--zone", "lab"], server)).stdout.split("\n")[1]).toBe(
      `lab   backups  3        2        2      12      0.5              by ann since ${time(noon)}: vendor`,
    );
    expect(JSON.parse((await runCli(["queues", "--json"], server)).stdout)).toMatchObject({
      queues: [{ name: "backups", waiting: 3, pause: { caller: "ann" } }],
    });
    expect((await runCli(["queues", "get", "device/r1"], server)).stdout).toMatch(
      /waiting +1\n.*\nlimit +none\npaused +no/,
    );
    const paused = await runCli(["queues", "pause", "backups", "--reason", "vendor", "--zone", "lab"], server);
    expect(paused.stdout).toBe("backups is paused; 3 wait, 2 run\n");
    expect((await runCli(["queues", "resume", "backups"], server)).stdout).toBe("backups is open; 3 wait, 0 run\n");
    expect(seen).toEqual([
      ["backups", "lab", "vendor"],
      ["backups", ""],
    ]);
    expect((await runCli(["queues", "pause", "backups"], nowhere)).status).toBe(2);
  });

  it("may be paused before their first job, which is told: the name may be mistyped", async () => {
    const server = await startServices({
      queues: {
        getQueue() {
          throw serviceError(Code.NotFound, "QUEUE_NOT_FOUND", "no queue bakcups in zone default");
        },
        pauseQueue: ({ name }) => ({ queue: { name, zone: "default" } }),
      },
    });
    expect(await runCli(["queues", "pause", "bakcups", "--reason", "vendor"], server)).toEqual({
      status: 0,
      stdout: "bakcups is paused; 0 wait, 0 run\n",
      stderr: "no job has been in queue bakcups of zone default so far\n",
    });
  });

  it("are set, lifted and listed", async () => {
    const seen: unknown[] = [];
    const server = await startServices({
      queues: {
        listLimits: () => ({ limits: [{ zone: "default", name: "queue/backups", maxRunning: 5 }] }),
        setLimit({ name, zone, maxRunning }) {
          seen.push([name, zone, maxRunning]);
          return { limit: { name, zone: zone || "default", maxRunning } };
        },
      },
    });
    expect((await runCli(["limits", "set", "queue/backups", "5", "--zone", "lab"], server)).stdout).toBe(
      "queue/backups: 5 at a time in zone lab\n",
    );
    expect((await runCli(["limits", "lift", "queue/backups"], server)).stdout).toBe(
      "queue/backups: no limit in zone default\n",
    );
    expect(seen).toEqual([
      ["queue/backups", "lab", 5],
      ["queue/backups", "", 0],
    ]);
    expect((await runCli(["limits"], server)).stdout).toMatch(/\ndefault +queue\/backups +5\n/);
    expect((await runCli(["limits", "set", "queue/backups", "0"], nowhere)).status).toBe(2);
  });
});
