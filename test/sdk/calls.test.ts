import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { afterEach, describe, expect, it } from "vitest";
import {
  ConflictError,
  InvalidArgumentError,
  NotFoundError,
  PermissionError,
  Pointsman,
  PointsmanError,
  PreconditionError,
  UnauthenticatedError,
  UnavailableError,
  type PointsmanOptions,
} from "@pointsman/sdk";
import {
  CancelOutcome,
  CredentialService,
  DeviceService,
  HealthService,
  HealthStatus,
  JobService,
  JobState,
  JobView,
  WorkerService,
  type UpdateDeviceRequest,
} from "@pointsman/sdk/v1";
import { eventually } from "../support/eventually.js";
import { jobId } from "./scripted-job.js";
import { serviceError, startScriptedServer, type ScriptedServer } from "./scripted-server.js";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Services {
  jobs?: Partial<ServiceImpl<typeof JobService>>;
  devices?: Partial<ServiceImpl<typeof DeviceService>>;
  credentials?: Partial<ServiceImpl<typeof CredentialService>>;
  workers?: Partial<ServiceImpl<typeof WorkerService>>;
  health?: Partial<ServiceImpl<typeof HealthService>>;
}

async function start(
  services: Services,
  options: PointsmanOptions = {},
): Promise<ScriptedServer & { client: Pointsman }> {
  const server = await startScriptedServer((router) => {
    router.service(JobService, services.jobs ?? {});
    router.service(DeviceService, services.devices ?? {});
    router.service(CredentialService, services.credentials ?? {});
    router.service(WorkerService, services.workers ?? {});
    router.service(HealthService, services.health ?? {});
  });
  const client = new Pointsman({ baseUrl: server.url, retry: { initialMs: 1, maxMs: 4 }, ...options });
  closing.push(
    () => server.close(),
    () => client.close(),
  );
  return Object.assign(server, { client });
}

const thrownBy = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  );

describe("retries", () => {
  it("keep the request id that the client filled in, also over a lost connection", async () => {
    const seen: string[] = [];
    const server = await start({
      jobs: {
        async createJob(request, context) {
          seen.push(request.requestId);
          if (seen.length === 1) throw serviceError(Code.Unavailable, "STORE_UNAVAILABLE", "not now");
          if (seen.length === 2) {
            server.cut();
            await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
          }
          return { job: { id: jobId(1) }, replayed: seen.length > 3 };
        },
      },
    });
    const job = await server.client.jobs.create({ device: "r1", commands: ["show version"] });
    expect(job).toMatchObject({ id: jobId(1), replayed: false });
    expect(seen).toHaveLength(3);
    expect(seen[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(new Set(seen).size).toBe(1);
  });

  it("are given a fresh request id by every call, and the caller's own when there is one", async () => {
    const seen: string[] = [];
    const { client } = await start({
      jobs: {
        createJob(request) {
          seen.push(request.requestId);
          return { job: {} };
        },
      },
    });
    const job = { device: "r1", commands: ["show version"] };
    await client.jobs.create(job);
    await client.jobs.create(job);
    await client.jobs.create(job, { requestId: "mine" });
    expect(new Set(seen).size).toBe(3);
    expect(seen[2]).toBe("mine");
  });

  it("repeat reads, and never what is not safe to repeat", async () => {
    let reads = 0;
    let writes = 0;
    const unavailable = (): never => {
      throw serviceError(Code.Unavailable, "STORE_UNAVAILABLE", "not now");
    };
    const { client } = await start({
      jobs: { getJob: () => (++reads < 3 ? unavailable() : { job: { id: jobId(1) } }) },
      devices: {
        deleteDevice() {
          writes++;
          return unavailable();
        },
      },
    });
    await client.jobs.get(jobId(1));
    expect(reads).toBe(3);
    expect(await thrownBy(client.devices.delete("r1"))).toBeInstanceOf(UnavailableError);
    expect(writes).toBe(1);
  });

  it("end after the attempts allowed, and after the first for errors that stay", async () => {
    let calls = 0;
    let code: Code = Code.Unavailable;
    const { client } = await start(
      {
        jobs: {
          countJobs() {
            calls++;
            throw serviceError(code, "ANY", "no");
          },
        },
      },
      { retry: { maxAttempts: 3, initialMs: 1, maxMs: 2 } },
    );
    await thrownBy(client.jobs.count());
    expect(calls).toBe(3);
    for (code of [Code.Internal, Code.ResourceExhausted, Code.Aborted, Code.FailedPrecondition]) {
      calls = 0;
      await thrownBy(client.jobs.count());
      expect(calls, Code[code]).toBe(1);
    }
  });

  it("wait as long as the service says, and not at all past the deadline", async () => {
    const at: number[] = [];
    let retryAfterMs = 120;
    const { client } = await start({
      jobs: {
        countJobs() {
          at.push(performance.now());
          throw serviceError(Code.ResourceExhausted, "BUSY", "later", { retryAfterMs });
        },
      },
    });
    await thrownBy(client.jobs.count({}, { timeoutMs: 10_000 }));
    expect(at).toHaveLength(4);
    // The client's timers may fire a millisecond early; never much earlier than the service asked.
    expect(at[1]! - at[0]!).toBeGreaterThan(115);
    at.length = 0;
    retryAfterMs = 60_000;
    const error = await thrownBy(client.jobs.count({}, { timeoutMs: 5_000 }));
    expect(at).toHaveLength(1);
    expect(error).toMatchObject({ code: "resource_exhausted", retryAfterMs: 60_000 });
  });

  it("end with the call when its signal aborts during a pause", async () => {
    const stop = new AbortController();
    const { client } = await start({
      jobs: {
        countJobs() {
          setImmediate(() => stop.abort());
          throw serviceError(Code.ResourceExhausted, "BUSY", "later", { retryAfterMs: 20_000 });
        },
      },
    });
    expect(await thrownBy(client.jobs.count({}, { signal: stop.signal }))).toMatchObject({ code: "canceled" });
  });
});

describe("errors", () => {
  it.each([
    [Code.NotFound, NotFoundError],
    [Code.AlreadyExists, ConflictError],
    [Code.InvalidArgument, InvalidArgumentError],
    [Code.PermissionDenied, PermissionError],
    [Code.Unauthenticated, UnauthenticatedError],
    [Code.FailedPrecondition, PreconditionError],
    [Code.Unavailable, UnavailableError],
  ])("of code %i have their class", async (code, expected) => {
    const { client } = await start(
      {
        jobs: {
          getJob() {
            throw serviceError(code, "JOB_NOT_FOUND", "the message", { metadata: { id: "x" } });
          },
        },
      },
      { retry: false },
    );
    const error = await thrownBy(client.jobs.get(jobId(1)));
    expect(error).toBeInstanceOf(expected);
    expect(error).toBeInstanceOf(PointsmanError);
    expect(error).toMatchObject({
      name: expected.name,
      reason: "JOB_NOT_FOUND",
      message: "the message",
      metadata: { id: "x" },
    });
    const others = [NotFoundError, ConflictError, PermissionError].filter((other) => other !== expected);
    for (const other of others) expect(error).not.toBeInstanceOf(other);
  });

  it("name the fields that are wrong", async () => {
    const violations = [{ field: "job.device", description: "must not be empty" }];
    const { client } = await start({
      jobs: {
        createJob() {
          throw serviceError(Code.InvalidArgument, "INVALID_REQUEST", "invalid", { violations });
        },
      },
    });
    const error = await thrownBy(client.jobs.create({ device: "", commands: ["x"] }));
    expect(error).toMatchObject({ fieldViolations: violations, reason: "INVALID_REQUEST" });
  });

  it("are known by their brand, across two copies of the package", () => {
    const elsewhere = { [Symbol.for("@pointsman/sdk/error")]: true, code: "not_found" };
    expect(elsewhere).toBeInstanceOf(NotFoundError);
    expect(elsewhere).toBeInstanceOf(PointsmanError);
    expect(elsewhere).not.toBeInstanceOf(ConflictError);
    expect(new ConnectError("x", Code.NotFound)).not.toBeInstanceOf(PointsmanError);
    class Mine extends NotFoundError {}
    expect(new NotFoundError("x", { code: "not_found" })).not.toBeInstanceOf(Mine);
    expect(new Mine("x", { code: "not_found" })).toBeInstanceOf(NotFoundError);
  });

  it("of a lost connection are UnavailableError without a reason, and of the caller's own signal canceled", async () => {
    const server = await start(
      {
        jobs: {
          async createJob(_, context) {
            server.cut();
            await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
            return {};
          },
          async getJob(_, context) {
            stop.abort();
            await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
            return {};
          },
        },
      },
      { retry: false },
    );
    const stop = new AbortController();
    const lost = await thrownBy(server.client.jobs.create({ device: "r1", probe: true }));
    expect(lost).toBeInstanceOf(UnavailableError);
    expect(lost).toMatchObject({ reason: undefined });
    expect(await thrownBy(server.client.jobs.get(jobId(1), { signal: stop.signal }))).toMatchObject({
      code: "canceled",
    });
  });

  it("end a call at its deadline, and tell the server", async () => {
    let told = false;
    const { client } = await start({
      jobs: {
        async getJob(_, context) {
          await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
          told = true;
          return {};
        },
      },
    });
    expect(await thrownBy(client.jobs.get(jobId(1), { timeoutMs: 60 }))).toMatchObject({ code: "deadline_exceeded" });
    await eventually(() => expect(told).toBe(true));
  });

  it("never hold the API key, nor does a key that cannot be one get that far", async () => {
    const keys: (string | null)[] = [];
    const { client } = await start(
      {
        jobs: {
          countJobs(_, context) {
            keys.push(context.requestHeader.get("x-api-key"));
            throw serviceError(Code.Unauthenticated, "UNAUTHENTICATED", "no");
          },
        },
      },
      { apiKey: "s3cr3t" },
    );
    const error = await thrownBy(client.jobs.count());
    expect(keys).toEqual(["s3cr3t"]);
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error)) + String(error)).not.toContain("s3cr3t");
    expect(() => new Pointsman({ apiKey: "s3cr3t\n" })).toThrow(/^(?!.*s3cr3t)/);
    expect(() => new Pointsman({ baseUrl: "localhost:9000" })).toThrow(TypeError);
  });
});

describe("lists", () => {
  it("give a page when awaited and every item when iterated", async () => {
    const tokens: string[] = [];
    const { client } = await start({
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
    const { client } = await start({
      jobs: { listJobEvents: () => ({ events: [{ number: ++pages }], nextPageToken: "more" }) },
    });
    for await (const event of client.jobs.events(jobId(1))) if (event.number === 2) break;
    expect(pages).toBe(2);
  });
});

describe("jobs", () => {
  it("wait in calls of at most a minute and answer when the job is final", async () => {
    const waits: (bigint | undefined)[] = [];
    const { client } = await start({
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

  it("are created a thousand a call, each with a request id of its own, refusals in their places", async () => {
    const calls: { requestId: string; size: number }[] = [];
    const { client } = await start({
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
    const { client } = await start({
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

  it("are taken in the contract's own form too", async () => {
    const seen: unknown[] = [];
    const { client } = await start({
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
    const now = {
      name: "r1",
      address: "10.0.0.1",
      platform: "linux",
      credential: "lab",
      port: 2222,
      labels: { a: "b" },
    };
    const { client } = await start({
      devices: {
        getDevice: () => ({ device: { ...now, status: { owner: "w1" } } }),
        updateDevice(request) {
          updates.push(request);
          return { device: request.device! };
        },
      },
    });
    await client.devices.update("r1", { labels: { site: "ber" }, port: undefined, connectTimeoutMs: 5_000 });
    expect(updates[0]?.updateMask?.paths).toEqual(["labels", "port", "connect_timeout"]);
    expect(updates[0]?.device).toMatchObject({
      address: "10.0.0.1",
      platform: "linux",
      credential: "lab",
      labels: { site: "ber" },
      port: 0,
      connectTimeout: { seconds: 5n },
    });
    expect(updates[0]?.device?.status).toBeUndefined();
    await client.devices.update("r1", {});
    expect(updates).toHaveLength(1);
  });
});

describe("health", () => {
  it("is followed over a lost connection, and the call ends with the loop", async () => {
    let open = 0;
    let calls = 0;
    const server = await start({
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
  const { client } = await start({
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
