import { describe, expect, it } from "vitest";
import { create, NotFoundError, PreconditionError } from "@pointsman/sdk";
import {
  CancelOutcome,
  DedupePolicy,
  DeviceSchema,
  HealthStatus,
  JobOrder,
  JobState,
  JobView,
  LockScope,
  RetainOutput,
  type JobSpec,
  type UpdateDeviceRequest,
} from "@pointsman/sdk/v1";
import { eventually } from "../support/eventually.js";
import { jobId } from "./scripted-job.js";
import { startWithClient } from "./services.js";

describe("lists", () => {
  it("give a page when awaited and every item when iterated", async () => {
    const tokens: string[] = [];
    const { client } = await startWithClient({
      jobs: {
        listJobs(request) {
          tokens.push(`${request.pageSize}:${request.pageToken}`);
          const page = Number(request.pageToken || 0);
          return {
            // An empty page in the middle is no end.
            jobs: page === 1 ? [] : [{ id: jobId(page * 2) }, { id: jobId(page * 2 + 1) }],
            nextPageToken: page < 2 ? String(page + 1) : "",
          };
        },
      },
    });
    const first = await client.jobs.list({}, { pageSize: 2 });
    expect(first.items.map(({ id }) => id)).toEqual([jobId(0), jobId(1)]);
    expect(first.nextPageToken).toBe("1");
    tokens.length = 0;
    const all: string[] = [];
    for await (const job of client.jobs.list({}, { pageSize: 2 })) all.push(job.id);
    expect(all).toEqual([0, 1, 4, 5].map(jobId));
    expect(tokens).toEqual(["2:", "2:1", "2:2"]);
  });

  it("ask for no page behind the one the loop was left on", async () => {
    let pages = 0;
    const { client } = await startWithClient({
      jobs: { listJobEvents: () => ({ events: [{ number: ++pages }], nextPageToken: "more" }) },
    });
    for await (const event of client.jobs.events(jobId(1))) if (event.number === 2) break;
    expect(pages).toBe(2);
  });
});

describe("jobs", () => {
  it("wait in calls of at most a minute and answer when the job is final", async () => {
    const waits: (bigint | undefined)[] = [];
    const { client } = await startWithClient({
      jobs: {
        getJob(request) {
          waits.push(request.waitTimeout?.seconds);
          expect(request.view).toBe(JobView.FULL);
          return { job: { id: request.id, state: waits.length < 3 ? JobState.RUNNING : JobState.SUCCEEDED } };
        },
      },
    });
    expect((await client.jobs.get(jobId(1), { waitMs: 150_000 })).state).toBe(JobState.SUCCEEDED);
    expect(waits).toEqual([60n, 60n, 60n]);
    waits.length = 0;
    await client.jobs.get(jobId(1));
    expect(waits).toEqual([undefined]);
  });

  it("that are done soon are run in one call, and others are asked for until they are final", async () => {
    const calls: string[] = [];
    const soon = new Set(["fast"]);
    const { client } = await startWithClient({
      jobs: {
        createJob({ job, waitTimeout }) {
          const device = job!.target.value as string;
          calls.push(`create ${device} ${waitTimeout?.seconds}`);
          return { job: { id: jobId(1), state: soon.has(device) ? JobState.SUCCEEDED : JobState.RUNNING } };
        },
        getJob({ id }) {
          calls.push("get");
          return { job: { id, state: calls.length < 4 ? JobState.RUNNING : JobState.SUCCEEDED } };
        },
      },
    });
    expect((await client.jobs.run({ device: "fast", commands: ["show clock"] })).state).toBe(JobState.SUCCEEDED);
    expect(calls).toEqual(["create fast 1"]);
    calls.length = 0;
    expect((await client.jobs.run({ device: "slow", commands: ["show clock"] })).state).toBe(JobState.SUCCEEDED);
    expect(calls).toEqual(["create slow 1", "get", "get", "get"]);
  });

  it("are created a thousand a call, each with a request id of its own, refusals in their places", async () => {
    const calls: { requestId: string; size: number }[] = [];
    const { client } = await startWithClient({
      jobs: {
        batchCreateJobs(request) {
          calls.push({ requestId: request.requestId, size: request.jobs.length });
          return {
            results: request.jobs.map((_, index) =>
              index === 7
                ? { result: { case: "error", value: { code: "not_found", reason: "DEVICE_NOT_FOUND", message: "no" } } }
                : { result: { case: "job", value: { id: jobId(index) } }, replayed: true },
            ),
          };
        },
      },
    });
    const jobs = Array.from({ length: 1_500 }, () => ({ device: "r1", commands: ["show clock"] }));
    const results = await client.jobs.createMany(jobs, { requestId: "night" });
    expect(calls).toEqual([
      { requestId: "night", size: 1_000 },
      { requestId: "night/1000", size: 500 },
    ]);
    expect(results).toHaveLength(1_500);
    expect(results[7]?.error).toBeInstanceOf(NotFoundError);
    expect(results[1_007]?.error).toMatchObject({ reason: "DEVICE_NOT_FOUND" });
    expect(results[8]).toMatchObject({ job: { id: jobId(8) }, replayed: true });
  });

  it("are cancelled page by page to the last, whatever the number of ids", async () => {
    const calls: { ids: number; token: string }[] = [];
    const { client } = await startWithClient({
      jobs: {
        cancelJobs(request) {
          calls.push({ ids: request.filter?.ids.length ?? 0, token: request.pageToken });
          const results = [{ id: jobId(calls.length), outcome: CancelOutcome.CANCELLED }];
          return {
            cancelledCount: 1,
            cancelledIds: [jobId(calls.length)],
            results,
            nextPageToken: request.pageToken ? "" : "2",
          };
        },
      },
    });
    const totals = await client.jobs.cancelMany({ ids: Array.from({ length: 1_200 }, (_, index) => jobId(index)) });
    expect(calls).toEqual([
      { ids: 1_000, token: "" },
      { ids: 1_000, token: "2" },
      { ids: 200, token: "" },
      { ids: 200, token: "2" },
    ]);
    expect(totals).toMatchObject({ cancelledCount: 4, cancelledIds: [1, 2, 3, 4].map(jobId) });
  });

  it("are done again page by page to the last, all under one request id, refusals in their places", async () => {
    const calls: { ids: number; token: string; requestId: string }[] = [];
    const { client } = await startWithClient({
      jobs: {
        retryJobs(request) {
          calls.push({
            ids: request.filter?.ids.length ?? 0,
            token: request.pageToken,
            requestId: request.requestId,
          });
          const refusal = { code: "failed_precondition", reason: "JOB_NOT_FINAL", message: "runs" };
          return {
            retriedCount: 1,
            results: [
              { id: jobId(1), result: { case: "retriedBy", value: jobId(2) } },
              { id: jobId(3), result: { case: "error", value: refusal } },
            ],
            nextPageToken: request.pageToken ? "" : "2",
          };
        },
      },
    });
    const ids = Array.from({ length: 1_200 }, (_, index) => jobId(index));
    const totals = await client.jobs.retryMany({ ids }, { requestId: "again" });
    expect(calls).toEqual(
      [1_000, 1_000, 200, 200].map((count, index) => ({
        ids: count,
        token: index % 2 === 0 ? "" : "2",
        requestId: "again",
      })),
    );
    expect(totals.retriedCount).toBe(4);
    expect(totals.results).toHaveLength(8);
    expect(totals.results[0]).toEqual({ id: jobId(1), retriedBy: jobId(2) });
    expect(totals.results[1]?.error).toBeInstanceOf(PreconditionError);
    expect(totals.results[1]?.error).toMatchObject({ reason: "JOB_NOT_FINAL" });
    calls.length = 0;
    await client.jobs.retryMany({ states: [JobState.FAILED] });
    expect(calls[0]?.requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(calls[1]?.requestId).toBe(calls[0]?.requestId);
  });

  it("are done again one by one, marked as deleted, and listed by their end", async () => {
    const seen: unknown[] = [];
    const { client } = await startWithClient({
      jobs: {
        retryJob(request) {
          seen.push(request.requestId);
          return { job: { id: jobId(2), retryOf: request.id }, replayed: true };
        },
        deleteJob: ({ id }) => ({ job: { id, deleteTime: { seconds: 7n } } }),
        undeleteJob: ({ id }) => ({ job: { id } }),
        listJobs(request) {
          seen.push(request.orderBy, request.filter?.showDeleted);
          return { jobs: [] };
        },
      },
    });
    const again = await client.jobs.retry(jobId(1), { requestId: "once" });
    expect(again).toMatchObject({ id: jobId(2), retryOf: jobId(1), replayed: true });
    expect((await client.jobs.delete(jobId(1))).deleteTime?.seconds).toBe(7n);
    expect((await client.jobs.undelete(jobId(1))).deleteTime).toBeUndefined();
    await client.jobs.list({ showDeleted: true }, { orderBy: "ended" });
    await client.jobs.list();
    expect(seen).toEqual(["once", JobOrder.ENDED, true, JobOrder.CREATED, false]);
  });

  it("say how they queue, what a twin means and what is kept", async () => {
    const seen: (JobSpec | undefined)[] = [];
    const { client } = await startWithClient({
      jobs: {
        createJob(request) {
          seen.push(request.job);
          return { job: {} };
        },
      },
    });
    const work = { device: "r1", commands: ["show clock"] };
    await client.jobs.create({
      ...work,
      queue: "backups",
      dedupe: { key: "r1/nightly", policy: "join" },
      failIfBlocked: true,
      retainOutput: "metadata",
      warnAfterMs: 90_000,
    });
    await client.jobs.create({ ...work, dedupe: { key: "k" } });
    expect(seen[0]).toMatchObject({
      queue: "backups",
      dedupeKey: "r1/nightly",
      dedupePolicy: DedupePolicy.JOIN,
      failIfBlocked: true,
      retainOutput: RetainOutput.METADATA,
      warnAfter: { seconds: 90n },
    });
    expect(seen[1]).toMatchObject({ queue: "", dedupeKey: "k", dedupePolicy: DedupePolicy.UNSPECIFIED });
    expect(seen[1]?.warnAfter).toBeUndefined();
  });

  it("are taken in the contract's own form too", async () => {
    const seen: unknown[] = [];
    const { client } = await startWithClient({
      jobs: {
        createJob(request) {
          seen.push(request.job);
          return { job: {} };
        },
      },
    });
    const value = { commands: [{ command: "show clock" }] };
    await client.jobs.create({ device: "r1", commands: ["show clock"], labels: { a: "b" }, executionTimeoutMs: 1_500 });
    await client.jobs.create({
      target: { case: "device", value: "r1" },
      operation: { case: "commands", value },
      labels: { a: "b" },
      executionTimeout: { seconds: 1n, nanos: 500_000_000 },
    });
    expect(seen[0]).toEqual(seen[1]);
  });
});

describe("devices", () => {
  it("are changed in the fields that are given, and only those", async () => {
    const updates: UpdateDeviceRequest[] = [];
    let looks = 0;
    const { client } = await startWithClient({
      devices: {
        getDevice({ name }) {
          looks++;
          return { device: { name } };
        },
        updateDevice(request) {
          updates.push(request);
          return { device: request.device! };
        },
      },
    });
    await client.devices.update("r1", { labels: { site: "ber" }, port: undefined, connectTimeoutMs: 5_000 });
    expect(updates[0]?.updateMask?.paths).toEqual(["labels", "port", "connect_timeout"]);
    expect(updates[0]?.device).toEqual(
      create(DeviceSchema, { name: "r1", labels: { site: "ber" }, connectTimeout: { seconds: 5n } }),
    );
    expect(looks).toBe(0);
    expect((await client.devices.update("r1", {})).name).toBe("r1");
    expect(updates).toHaveLength(1);
  });

  it("are locked for changes unless told otherwise, and unlocked by force only when told so", async () => {
    const seen: unknown[] = [];
    const { client } = await startWithClient({
      devices: {
        lockDevice({ name, scope, reason, duration }) {
          seen.push([scope, reason, duration?.seconds]);
          return { device: { name, status: { lock: { owner: "ann", scope, reason } } } };
        },
        unlockDevice({ name, force }) {
          seen.push(force);
          return { device: { name } };
        },
      },
    });
    const locked = await client.devices.lock("r1", { reason: "swap" });
    expect(locked.status?.lock?.owner).toBe("ann");
    await client.devices.lock("r1", { scope: "all", reason: "swap", forMs: 60_000 });
    await client.devices.unlock("r1");
    await client.devices.unlock("r1", { force: true });
    expect(seen).toEqual([[LockScope.CHANGES, "swap", undefined], [LockScope.ALL, "swap", 60n], false, true]);
  });
});

describe("queues", () => {
  it("are listed, shown, paused and resumed, and limits set, each in its zone", async () => {
    const seen: unknown[] = [];
    const { client } = await startWithClient({
      queues: {
        listQueues: ({ zones }) => ({ queues: zones.map((zone) => ({ zone, name: "backups" })) }),
        getQueue: ({ name, zone }) => ({ queue: { name, zone, waiting: 3 } }),
        pauseQueue({ name, zone, reason }, context) {
          seen.push(context.requestHeader.get("x-team"));
          return { queue: { name, zone, pause: { reason } } };
        },
        resumeQueue: ({ name, zone }) => ({ queue: { name, zone } }),
        listLimits: () => ({ limits: [{ zone: "default", name: "queue/backups", maxRunning: 5 }] }),
        setLimit: ({ name, zone, maxRunning }) => ({ limit: { name, zone, maxRunning } }),
      },
    });
    expect((await client.queues.list({ zones: ["a", "b"] })).map(({ zone }) => zone)).toEqual(["a", "b"]);
    expect(await client.queues.get("backups", { zone: "a" })).toMatchObject({ zone: "a", waiting: 3 });
    const paused = await client.queues.pause("device/r1", { reason: "vendor", headers: { "x-team": "core" } });
    expect(paused).toMatchObject({ name: "device/r1", zone: "", pause: { reason: "vendor" } });
    expect(seen).toEqual(["core"]);
    expect((await client.queues.resume("backups", { zone: "a" })).pause).toBeUndefined();
    expect((await client.queues.limits())[0]).toMatchObject({ name: "queue/backups", maxRunning: 5 });
    expect(await client.queues.setLimit("label/site", 2, { zone: "a" })).toMatchObject({ zone: "a", maxRunning: 2 });
  });
});

describe("health", () => {
  it("is followed over a lost connection, and the call ends with the loop", async () => {
    let open = 0;
    let calls = 0;
    const server = await startWithClient({
      health: {
        async *watch(_, context) {
          open++;
          const status = ++calls === 1 ? HealthStatus.SERVING : HealthStatus.DEGRADED;
          yield { health: { status } };
          await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
          open--;
        },
      },
    });
    const seen: HealthStatus[] = [];
    for await (const health of server.client.health.watch()) {
      seen.push(health.status);
      if (seen.length === 2) break;
      server.cut("fin");
    }
    expect(seen).toEqual([HealthStatus.SERVING, HealthStatus.DEGRADED]);
    await eventually(() => expect(open).toBe(0));
  });
});

it("lists workers and credentials, and stores a login whole", async () => {
  const logins: unknown[] = [];
  const { client } = await startWithClient({
    workers: { listWorkers: (request) => ({ workers: request.zones.map((zone) => ({ name: `w-${zone}` })) }) },
    credentials: {
      listCredentials: () => ({ credentials: [{ name: "lab" }] }),
      createCredential(request) {
        logins.push(request.login);
        return { credential: { name: request.name } };
      },
    },
  });
  expect((await client.workers.list({ zones: ["ber"] }))[0]?.name).toBe("w-ber");
  expect((await client.credentials.list()).items[0]?.name).toBe("lab");
  await client.credentials.create("lab", { username: "u", password: "p", enableSecret: "e" });
  expect(logins[0]).toMatchObject({ username: "u", password: "p", enableSecret: "e", privateKey: "" });
});
