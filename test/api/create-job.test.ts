import { fromBinary } from "@bufbuild/protobuf";
import { durationMs, timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import {
  EffectClass,
  JobSpecSchema,
  JobState,
  OnReject,
  Privilege,
  RetainOutput,
  WaitingReason,
} from "@pointsman/sdk/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/system/clock.js";
import { decodeLogins, jobPlace } from "../../src/secrets/login-codec.js";
import { worker } from "../support/jobs.js";
import { type Clients, readSpec, startTestApi, type TestApi } from "../support/api-server.js";
import { problemOf } from "./problems.js";

let api: TestApi;
let clients: Clients;
let address = 1;
beforeAll(async () => {
  api = await startTestApi();
  clients = api.clients();
  await clients.credentials.createCredential({ name: "core", login: { username: "ann", password: "pw" } });
  const device = { platform: "cisco_ios", credential: "core" };
  await clients.devices.createDevice({ device: { ...device, name: "r1", address: "R1.Example.net." } });
});
afterAll(() => api.close());

function inline(
  part: object = {},
  commands: readonly object[] = [{ command: "show version" }],
  more: object = {},
): never {
  const value = { address: `10.2.0.${address++}`, platform: "cisco_ios", ...part };
  const login = { case: "secret", value: { username: "ann", password: "pw" } };
  return {
    target: { case: "endpoint", value: { login, ...value } },
    operation: { case: "commands", value: { commands, ...more } },
  } as never;
}

describe("the effect class", () => {
  test.each([
    ["READ_ONLY", [{ command: "show version" }, { command: "show clock" }], EffectClass.UNSPECIFIED],
    ["READ_ONLY", [{ command: "show version" }], EffectClass.IDEMPOTENT],
    ["READ_ONLY", [{ command: "show version" }], EffectClass.AT_MOST_ONCE],
    ["AT_MOST_ONCE", [{ command: "show version" }, { command: "clear counters" }], EffectClass.UNSPECIFIED],
    ["AT_MOST_ONCE", [{ command: "clear counters" }], EffectClass.READ_ONLY],
    ["AT_MOST_ONCE", [{ command: "show version", answers: [{ question: "?", answer: "y" }] }], EffectClass.UNSPECIFIED],
    ["IDEMPOTENT", [{ command: "ntp server 10.0.0.1" }], EffectClass.IDEMPOTENT],
  ] as const)("is %s for %j when the caller declares %i", async (expected, commands, effectClass) => {
    const spec = { ...(inline({}, commands) as object), effectClass };
    const { job } = await clients.jobs.createJob({ job: spec as never, requestId: crypto.randomUUID() });
    expect(job?.effectClass).toBe(EffectClass[expected]);
  });

  test("of a probe is READ_ONLY", async () => {
    const spec = { ...(inline() as object), operation: { case: "probe", value: {} } };
    expect((await clients.jobs.createJob({ job: spec as never })).job?.effectClass).toBe(EffectClass.READ_ONLY);
  });

  test("decides what must come with it: a request id for at-most-once work, no CONTINUE outside reading", async () => {
    const change = [{ command: "clear counters" }];
    expect(await problemOf(clients.jobs.createJob({ job: inline({}, change) }))).toMatchObject({
      ...{ code: "InvalidArgument", reason: "REQUEST_ID_REQUIRED", fields: ["request_id"] },
    });
    const goOn = inline({}, change, { onReject: OnReject.CONTINUE });
    expect(await problemOf(clients.jobs.createJob({ job: goOn, requestId: "goes-on" }))).toMatchObject({
      ...{ code: "InvalidArgument", reason: "NOT_READ_ONLY", fields: ["job.commands.on_reject"] },
    });
    const reading = inline({}, undefined, { onReject: OnReject.CONTINUE });
    expect((await clients.jobs.createJob({ job: reading })).job?.state).toBe(JobState.QUEUED);
  });
});

test("defaults are filled in as the contract says them", async () => {
  const { job } = await clients.jobs.createJob({ job: inline() });
  const spec = job!.spec!;
  expect(spec.target.value).toMatchObject({ port: 22, zone: "default" });
  expect(spec.operation.value).toMatchObject({ onReject: OnReject.STOP, privilege: Privilege.LOGIN });
  expect([durationMs(spec.queueTimeout!), durationMs(spec.executionTimeout!)]).toEqual([86_400_000, 300_000]);
  expect(spec.retry).toMatchObject({ maxAttempts: 3, initialBackoff: { seconds: 2n }, maxBackoff: { seconds: 60n } });
  expect(spec.maxOutputBytes).toBe(16 * 1024 * 1024);
  expect(job).toMatchObject({ creator: "local", zone: "default", waitingReason: WaitingReason.NO_WORKER });
  expect(timestampMs(job!.expireTime!) - timestampMs(job!.createTime!)).toBe(86_400_000);
  const change = await clients.jobs.createJob({
    job: inline({}, [{ command: "clear counters" }]),
    requestId: "defaults",
  });
  expect(change.job?.spec).toMatchObject({ queueTimeout: { seconds: 3_600n }, retry: { maxAttempts: 1 } });
});

test("a start time to come delays the job, one that has passed does not", async () => {
  const later = { ...(inline() as object), startTime: timestampFromMs(Date.now() + 3_600_000) };
  const delayed = await clients.jobs.createJob({ job: later as never });
  expect(delayed.job).toMatchObject({ state: JobState.DELAYED, waitingReason: WaitingReason.START_TIME });
  const before = { ...(inline() as object), startTime: timestampFromMs(Date.now() - 3_600_000) };
  expect((await clients.jobs.createJob({ job: before as never })).job?.state).toBe(JobState.QUEUED);
});

test("a start time to come delays the job also where the server's clock is ahead of it", async () => {
  const fast = await startTestApi({ clock: { ...systemClock, now: () => systemClock.now() + 600_000 } });
  try {
    const job = { ...readSpec(), startTime: timestampFromMs(Date.now() + 300_000) };
    const delayed = await fast.clients().jobs.createJob({ job: job as never });
    expect(delayed.job).toMatchObject({ state: JobState.DELAYED, waitingReason: WaitingReason.START_TIME });
  } finally {
    await fast.close();
  }
});

test("a start so late that its end could not be told is refused", async () => {
  const seconds = BigInt(Date.UTC(9999, 11, 31, 23, 59, 59) / 1_000);
  const job = { ...(inline() as object), startTime: { seconds, nanos: 0 } };
  const problem = await problemOf(clients.jobs.createJob({ job: job as never }));
  expect(problem).toMatchObject({ reason: "INVALID_REQUEST", fields: ["job.start_time"] });
});

test.each([RetainOutput.METADATA, RetainOutput.NONE])(
  "a transcript of output that is not to be kept is refused (%i)",
  async (retainOutput) => {
    const job = { ...(inline() as object), debug: true, retainOutput };
    const problem = await problemOf(clients.jobs.createJob({ job: job as never }));
    expect(problem).toMatchObject({ reason: "INVALID_REQUEST", fields: ["job.debug"] });
  },
);

describe("the target", () => {
  const onDevice = (value: string): never =>
    ({
      target: { case: "device", value },
      operation: { case: "commands", value: { commands: [{ command: "show version" }] } },
    }) as never;

  test("of a device is its endpoint, the same as an inline endpoint at its address", async () => {
    const { job } = await clients.jobs.createJob({ job: onDevice("r1") });
    expect(job).toMatchObject({ endpoint: "r1.example.net:22", zone: "default" });
    const same = await clients.jobs.createJob({ job: inline({ address: "r1.EXAMPLE.net" }) });
    expect(same.job).toMatchObject({ endpoint: "r1.example.net:22", position: 2 });
  });

  test.each([
    ["an unknown device", () => onDevice("r2"), "NotFound", "DEVICE_NOT_FOUND", []],
    [
      ...(["an unknown platform", () => inline({ platform: "vax" })] as const),
      ...(["InvalidArgument", "UNKNOWN_PLATFORM", ["job.endpoint.platform"]] as const),
    ],
    [
      ...(["an unknown zone", () => inline({ zone: "mars" })] as const),
      ...(["InvalidArgument", "INVALID_REQUEST", ["job.endpoint.zone"]] as const),
    ],
    [
      ...(["an unknown credential", () => inline({ login: { case: "credential", value: "nobody" } })] as const),
      ...(["NotFound", "CREDENTIAL_NOT_FOUND", ["job.endpoint.credential"]] as const),
    ],
    [
      ...([
        "an unknown credential in place of the device's",
        () => ({ ...(onDevice("r1") as object), credential: "nobody" }) as never,
      ] as const),
      ...(["NotFound", "CREDENTIAL_NOT_FOUND", ["job.credential"]] as const),
    ],
    [
      ...([
        "an unknown credential of a bastion",
        () => inline({ bastions: [{ address: "hop.example.net", login: { case: "credential", value: "nobody" } }] }),
      ] as const),
      ...(["NotFound", "CREDENTIAL_NOT_FOUND", ["job.endpoint.bastions[0].credential"]] as const),
    ],
    [
      ...([
        "a credential without a device",
        () => ({ operation: { case: "http", value: { url: "https://example.net/" } }, credential: "lab" }) as never,
      ] as const),
      ...(["InvalidArgument", "INVALID_REQUEST", ["job.credential"]] as const),
    ],
    [
      ...([
        "a credential beside an endpoint's login",
        () => ({ ...(inline() as object), credential: "core" }) as never,
      ] as const),
      ...(["InvalidArgument", "INVALID_REQUEST", ["job.credential"]] as const),
    ],
  ] as const)("%s is refused", async (_what, spec, code, reason, fields) => {
    expect(await problemOf(clients.jobs.createJob({ job: spec() }))).toMatchObject({ code, reason, fields });
  });

  test.each([
    [{ url: "http://x:99999/" }, "job.http.url"],
    [{ headers: { Host: "inside.example" } }, 'job.http.headers["Host"]'],
    [{ headers: { "transfer-encoding": "chunked" } }, 'job.http.headers["transfer-encoding"]'],
    [{ headers: { "x-name": "日本" } }, 'job.http.headers["x-name"]'],
    [{ secretHeaders: { connection: "close" } }, 'job.http.secret_headers["connection"]'],
    [{ headers: { "x-name": "a", "X-Name": "b" } }, 'job.http.headers["X-Name"]'],
    [{ headers: { Cookie: "a" }, secretHeaders: { cookie: "b" } }, 'job.http.secret_headers["cookie"]'],
  ])("of a call is a URL, and its headers are the caller's own: %j", async (part, field) => {
    const call = { url: "https://example.net/", ...part };
    const problem = await problemOf(clients.jobs.createJob({ job: { operation: { case: "http", value: call } } }));
    expect(problem).toMatchObject({ reason: "INVALID_REQUEST", fields: [field] });
  });

  test("given inline is refused where the operator forbids it", async () => {
    const strict = await startTestApi({ forbidInlineEndpoints: true });
    try {
      expect(await problemOf(strict.clients().jobs.createJob({ job: readSpec() as never }))).toMatchObject({
        ...{ code: "PermissionDenied", reason: "INLINE_ENDPOINTS_FORBIDDEN" },
      });
    } finally {
      await strict.close();
    }
  });
});

describe("an inline login", () => {
  test("reaches the worker sealed for this job alone, and no answer holds it", async () => {
    const own = await startTestApi();
    try {
      const login = { case: "secret", value: { username: "ann", password: "pa55", enableSecret: "en4ble" } };
      const { job } = await own.clients().jobs.createJob({ job: inline({ login }) });
      expect(job!.spec!.target.value).toMatchObject({ login: { case: undefined } });
      await own.store.leases.register(worker("w"));
      const [claim] = (await own.store.leases.claim(worker("w"), 1, "1")).claims;
      expect(fromBinary(JobSpecSchema, claim!.job.spec).target.value).toMatchObject({ login: { case: undefined } });
      expect(decodeLogins(own.sealer.open(claim!.sealedSecret!, jobPlace(job!.id))).login).toMatchObject(login.value);
      expect(() => own.sealer.open(claim!.sealedSecret!, jobPlace("another"))).toThrow();
    } finally {
      await own.close();
    }
  });
});

describe("the request id", () => {
  const change = (command = "clear counters", labels: Record<string, string> = {}): never =>
    ({ ...(inline({ address: "10.3.0.1" }, [{ command }]) as object), labels }) as never;

  test("given twice is one job, also at the same instant, and says that it was replayed", async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => clients.jobs.createJob({ job: change(), requestId: "at-once" })),
    );
    expect(new Set(answers.map(({ job }) => job!.id)).size).toBe(1);
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
  });

  test("is the same request whatever the order of labels, and whether defaults are spelled out on the wire", async () => {
    const first = await clients.jobs.createJob({
      job: change("clear counters", { a: "1", b: "2" }),
      requestId: "order",
    });
    const again = await clients.jobs.createJob({
      job: change("clear counters", { b: "2", a: "1" }),
      requestId: "order",
    });
    expect(again).toMatchObject({ replayed: true, job: { id: first.job!.id } });
  });

  test("with another body is refused, a changed password included", async () => {
    const { job } = await clients.jobs.createJob({ job: change(), requestId: "reused" });
    expect(
      await problemOf(clients.jobs.createJob({ job: change("clear counters Gi0/1"), requestId: "reused" })),
    ).toMatchObject({
      ...{ code: "AlreadyExists", reason: "REQUEST_ID_REUSED", metadata: { job: job!.id } },
    });
    const login = { case: "secret", value: { username: "ann", password: "another" } };
    const other = inline({ address: "10.3.0.1", login }, [{ command: "clear counters" }]);
    expect(await problemOf(clients.jobs.createJob({ job: other, requestId: "reused" }))).toMatchObject({
      reason: "REQUEST_ID_REUSED",
    });
  });
});

describe("a batch", () => {
  test("accepts and refuses each on its own, in order, and is safe to repeat", async () => {
    const jobs = [
      inline({ address: "10.4.0.1" }),
      inline({ address: "10.4.0.2", platform: "vax" }),
      inline({ address: "10.4.0.3" }, [{ command: "clear counters" }]),
    ];
    const first = await clients.jobs.batchCreateJobs({ jobs, requestId: "batch" });
    expect(first.results.map(({ result }) => result.case)).toEqual(["job", "error", "job"]);
    expect(first.results[1]!.result.value).toMatchObject({ code: "invalid_argument", reason: "UNKNOWN_PLATFORM" });
    const again = await clients.jobs.batchCreateJobs({ jobs, requestId: "batch" });
    expect(again.results.map(({ replayed }) => replayed)).toEqual([true, false, true]);
    expect(again.results.map(({ result }) => (result.value as { id?: string }).id)).toEqual(
      first.results.map(({ result }) => (result.value as { id?: string }).id),
    );
    const without = await clients.jobs.batchCreateJobs({ jobs });
    expect(without.results.map(({ result }) => (result.value as { reason?: string }).reason)).toEqual([
      ...[undefined, "UNKNOWN_PLATFORM", "REQUEST_ID_REQUIRED"],
    ]);
  });

  test("of 1,000 is taken in one call", async () => {
    const jobs = Array.from({ length: 1_000 }, (_, index) => readSpec(1_000 + index) as never);
    const { results } = await clients.jobs.batchCreateJobs({ jobs });
    expect(new Set(results.map(({ result }) => (result.value as { id: string }).id)).size).toBe(1_000);
  });
});
