import { gzipSync } from "node:zlib";
import * as http2 from "node:http2";
import { createClient } from "@connectrpc/connect";
import { ErrorInfoSchema, JobService } from "@pointsman/sdk/v1";
import { fromBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { toProblem, reasonOf } from "../../src/errors.js";
import { StoreError } from "../../src/store/store.js";
import { loseStore } from "../support/failing-store.js";
import { startTestApi, type TestApi, transports } from "../support/api-server.js";
import { problemOf } from "./problems.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

interface JsonProblem {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly reason: string | undefined;
  readonly fields: readonly string[];
}

async function post(
  path: string,
  body: string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<JsonProblem> {
  const response = await fetch(`${api.baseUrl}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: body as never,
  });
  expect(response.headers.get("x-request-id")).toMatch(/^[0-9a-f]{24}$/);
  return read(response);
}

async function read(response: Response): Promise<JsonProblem> {
  const {
    code,
    message,
    details = [],
  } = (await response.json()) as {
    code: string;
    message: string;
    details?: { type: string; value: string; debug?: { fieldViolations?: { field: string }[] } }[];
  };
  const info = details.find(({ type }) => type === "google.rpc.ErrorInfo");
  const bad = details.find(({ type }) => type === "google.rpc.BadRequest");
  return {
    ...{ status: response.status, code, message },
    reason: info && fromBinary(ErrorInfoSchema, Buffer.from(info.value, "base64")).reason,
    fields: bad?.debug?.fieldViolations?.map(({ field }) => field) ?? [],
  };
}

const createJob = "/pointsman.v1.JobService/CreateJob";
const createCredential = "/pointsman.v1.CredentialService/CreateCredential";

describe("what the framework refuses carries a reason too", () => {
  test.each([
    ["a path with nothing behind it", "/pointsman.v1.JobService/Nothing", "{}", {}, 501, "METHOD_NOT_FOUND"],
    ["a content type that is none of ours", createJob, "{}", { "content-type": "text/plain" }, 415, "INVALID_REQUEST"],
    ["a body that is not JSON", createJob, '{"job": secret}', {}, 400, "INVALID_REQUEST"],
    [
      ...([
        "a body that is not a message",
        createJob,
        "\u0007\u0007\u0007",
        { "content-type": "application/proto" },
      ] as const),
      ...([400, "INVALID_REQUEST"] as const),
    ],
    ["an unknown compression", createJob, "{}", { "content-encoding": "zip" }, 501, "METHOD_NOT_FOUND"],
    ["a body of more than 4 MiB", createJob, `{"requestId":"${"x".repeat(5e6)}"}`, {}, 429, "REQUEST_TOO_LARGE"],
    [
      ...([
        "a body that unpacks to more than 4 MiB",
        createJob,
        gzipSync(`{"requestId":"${"x".repeat(5e6)}"}`),
      ] as const),
      ...([{ "content-encoding": "gzip" }, 429, "REQUEST_TOO_LARGE"] as const),
    ],
    [
      ...(["a body whose packing ends too early", createJob, gzipSync('{"requestId":"x"}').subarray(0, 15)] as const),
      ...([{ "content-encoding": "gzip" }, 400, "INVALID_REQUEST"] as const),
    ],
    ["a body that is not UTF-8", createJob, Buffer.from('{"requestId":"\xff"}', "latin1"), {}, 400, "INVALID_REQUEST"],
    ["a time-out that is no number", createJob, "{}", { "connect-timeout-ms": "soon" }, 400, "INVALID_REQUEST"],
  ] as const)("%s", async (_what, path, body, headers, status, reason) => {
    expect(await post(path, body, headers)).toMatchObject({ status, reason });
  });

  test("a message that is said to be compressed, by a compression that nobody named", async () => {
    const response = await fetch(`${api.baseUrl}/pointsman.v1.JobService/WatchJobs`, {
      method: "POST",
      headers: { "content-type": "application/connect+json" },
      body: Buffer.from([1, 0, 0, 0, 2, 0x7b, 0x7d]),
    });
    expect(await response.text()).toContain('"reason":"INVALID_REQUEST"');
  });

  test.each([
    ["an unknown field", { name: "a", colour: 1 }, ["colour"]],
    ["an unknown field deep inside", { name: "a", login: { pasword: "s3cret" } }, ["login.pasword"]],
    ["a number for a string", { name: "a", login: { username: "u", password: 12345678 } }, ["login.password"]],
    ["a string for a message", { name: "a", login: "s3cret" }, ["login"]],
    ["several at once", { name: 5, login: { username: 6 } }, ["name", "login.username"]],
  ] as const)("%s is named, and no value is repeated", async (_what, body, fields) => {
    const problem = await post(createCredential, JSON.stringify(body));
    expect(problem).toMatchObject({ status: 400, reason: "INVALID_REQUEST", fields });
    expect(problem.message).not.toMatch(/s3cret|12345678/);
  });

  test.each([
    [{ job: { priority: "high" } }, "job.priority"],
    [{ job: { effectClass: "HARMLESS" } }, "job.effect_class"],
    [{ job: { queueTimeout: "soon" } }, "job.queue_timeout"],
    [{ job: { queueTimeout: "0.0000000001s" } }, "job.queue_timeout"],
    [{ job: { startTime: "tomorrow" } }, "job.start_time"],
    [{ job: { device: "a", endpoint: {} } }, "job.endpoint"],
    [{ job: { labels: { a: 1 } } }, 'job.labels["a"]'],
    [{ job: { commands: { commands: [{ command: "x" }, { command: 5 }] } } }, "job.commands.commands[1].command"],
    [{ job: { endpoint: { secret: { password: ["s3cret"] } } } }, "job.endpoint.secret.password"],
    [{ job: { startTime: "2027-02-30T12:00:00Z" } }, "job.start_time"],
    [{ job: { startTime: "2027-04-31T12:00:00+02:00" } }, "job.start_time"],
    [JSON.parse('{"job": {"labels": {"__proto__": "a"}}}'), 'job.labels["__proto__"]'],
  ])("JSON that cannot be read is named by its path: %j", async (body, field) => {
    expect((await post(createJob, JSON.stringify(body))).fields).toEqual([field]);
  });

  test("a field that is given under both of its names is given twice", async () => {
    const list = "/pointsman.v1.JobService/ListJobs";
    const problem = await post(list, '{"pageSize":1,"page_size":2}');
    expect(problem).toMatchObject({ status: 400, fields: ["page_size"], message: "page_size: is given twice" });
  });

  test("a time of a day that there is, and a name in a text, are taken", async () => {
    const job = {
      device: "none",
      startTime: "2028-02-29T12:00:00Z",
      commands: { commands: [{ command: "show __proto__" }] },
    };
    expect(await post(createJob, JSON.stringify({ job }))).toMatchObject({ status: 404, reason: "DEVICE_NOT_FOUND" });
  });

  test("a name in a filter that objects cannot have is refused, and not left out", async () => {
    const filter = '{"filter":{"labels":{"__proto__":"a"}}}';
    const list = "/pointsman.v1.JobService/ListJobs";
    const url = `${api.baseUrl}${list}?encoding=json&connect=v1&message=${encodeURIComponent(filter)}`;
    const refused = { status: 400, reason: "INVALID_REQUEST", fields: ['filter.labels["__proto__"]'] };
    expect(await post(list, filter)).toMatchObject(refused);
    expect(await read(await fetch(url))).toMatchObject(refused);
    // The same by the hands of a client that knows no objects: filter (1), labels (7), the entry's key (1) and value (2).
    const entry = Buffer.concat([Buffer.from([0x0a, 9]), Buffer.from("__proto__"), Buffer.from([0x12, 1, 0x61])]);
    const body = Buffer.concat([Buffer.from([0x0a, entry.length + 2, 0x3a, entry.length]), entry]);
    expect(await post(list, body, { "content-type": "application/proto" })).toMatchObject({
      status: 400,
      reason: "INVALID_REQUEST",
    });
  });

  test("no escape hides such a name, or a day that there is not", async () => {
    const list = "/pointsman.v1.JobService/ListJobs";
    const field = (path: string) => ({ status: 400, reason: "INVALID_REQUEST", fields: [path] });
    const eachHidden = (text: string): string[] =>
      [...text].flatMap((letter, at) => {
        const hex = letter.charCodeAt(0).toString(16).padStart(4, "0");
        return [hex, hex.toUpperCase()].map((code) => `${text.slice(0, at)}\\u${code}${text.slice(at + 1)}`);
      });
    for (const name of eachHidden("__proto__")) {
      expect(await post(list, `{"filter":{"labels":{"${name}":"a"}}}`)).toMatchObject(
        field('filter.labels["__proto__"]'),
      );
    }
    for (const day of eachHidden("-02-30T")) {
      const after = `{"filter":{"created_after":"2026${day}00:00:00Z"}}`;
      expect(await post(list, after)).toMatchObject(field("filter.created_after"));
    }
  });

  const levels = (depth: number, [open, close]: readonly [string, string]): string =>
    `${open.repeat(depth)}1${close.repeat(depth)}`;
  test.each([
    ["lists in lists", levels(26, ["[", "]"])],
    ["objects in objects", levels(26, ['{"a":', "}"])],
    ["more than any reader takes", levels(5_000, ["[", "]"])],
    ["a number that is infinite", '[{"a":1e999}]'],
    ["a name that objects cannot have", '{"a":{"__proto__":{"b":1}}}'],
  ])("JSON within a request that could not be shown again is refused: %s", async (_what, payload) => {
    const problem = await post(createJob, `{"job":{"http":{"url":"http://x.example/","payload":${payload}}}}`);
    expect(problem).toMatchObject({ status: 400, reason: "INVALID_REQUEST", fields: ["job.http.payload"] });
  });

  test.each([
    ["lists in lists", levels(25, ["[", "]"])],
    ["objects in objects", levels(25, ['{"a":', "}"])],
  ])("JSON within a request that is as deep as it may be is kept: %s", async (_what, payload) => {
    const body = `{"job":{"http":{"url":"http://x.example/","payload":${payload}}}}`;
    const response = await fetch(`${api.baseUrl}${createJob}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    expect(await response.text()).toContain(payload);
    for (const transport of Object.values(transports(api.baseUrl))) {
      const { jobs } = await createClient(JobService, transport).listJobs({ filter: { types: ["http"] } });
      expect(jobs[0]!.spec!.operation).toMatchObject({ case: "http" });
    }
  });

  test("of very many wrong values some are named, in an answer that every client can take", async () => {
    const ids = Array.from({ length: 150_000 }, () => "bad");
    const batch = "/pointsman.v1.JobService/BatchGetJobs";
    const problem = await post(batch, JSON.stringify({ ids }));
    expect(problem).toMatchObject({ status: 400, reason: "INVALID_REQUEST" });
    expect(problem.fields).toHaveLength(16);
    expect(problem.message).toMatch(/and 1\d\d\d\d\d more$/);

    for (const transport of Object.values(transports(api.baseUrl))) {
      const refused = createClient(JobService, transport).batchGetJobs({ ids: ids.slice(0, 3_000) });
      expect(await problemOf(refused)).toMatchObject({ reason: "INVALID_REQUEST" });
    }
  });

  test("also in the query of a GET", async () => {
    const message = encodeURIComponent('{"filter":{"colour":"red"}}');
    const url = `${api.baseUrl}/pointsman.v1.JobService/ListJobs?encoding=json&connect=v1&message=${message}`;
    expect(await read(await fetch(url))).toMatchObject({
      status: 400,
      reason: "INVALID_REQUEST",
      fields: ["filter.colour"],
    });
  });

  test.each(["encoding=json", "encoding=proto"])("a query with %s that is not base64", async (encoding) => {
    for (const message of ["!!!", "e", "%FF"]) {
      const url = `${api.baseUrl}/pointsman.v1.JobService/ListJobs?connect=v1&base64=1&${encoding}&message=${message}`;
      expect(await read(await fetch(url))).toMatchObject({ status: 400, reason: "INVALID_REQUEST" });
    }
  });

  test("a message length of 4 GiB is refused without reserving memory for it", async () => {
    const session = http2.connect(api.baseUrl);
    const before = process.memoryUsage().arrayBuffers;
    const streams = Array.from({ length: 64 }, () => {
      const stream = session.request({ ":method": "POST", ":path": createJob, "content-type": "application/grpc" });
      stream.end(Buffer.from([0, 0xff, 0xff, 0xff, 0xff]));
      stream.resume();
      return new Promise<http2.IncomingHttpHeaders>((done, failed) => {
        let fields: http2.IncomingHttpHeaders = {};
        stream.on("response", (headers) => (fields = { ...fields, ...headers }));
        stream.on("trailers", (headers: http2.IncomingHttpHeaders) => (fields = { ...fields, ...headers }));
        stream.on("close", () => done(fields));
        stream.on("error", failed);
      });
    });
    for (const fields of await Promise.all(streams)) expect(fields["grpc-status"]).toBe("8");
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20e6);
    session.destroy();
  });
});

describe.each([
  "gRPC over HTTP/2",
  "gRPC-Web over HTTP/1.1",
  "Connect JSON over HTTP/1.1",
  "Connect binary over HTTP/2",
])("over %s", (name) => {
  test("a refused field, a missing job, a missed deadline and a request too large keep their reasons", async () => {
    const { jobs } = api.clients(transports(api.baseUrl)[name]);
    expect(await problemOf(jobs.getJob({ id: "?" }))).toMatchObject({
      ...{ code: "InvalidArgument", reason: "INVALID_REQUEST", domain: "pointsman", fields: ["id"] },
    });
    expect(await problemOf(jobs.getJob({ id: "0".repeat(26) }))).toMatchObject({
      ...{ code: "NotFound", reason: "JOB_NOT_FOUND", domain: "pointsman" },
    });
    const large = problemOf(jobs.listJobs({ pageToken: "x".repeat(5e6) }));
    expect(await large).toMatchObject({ code: "ResourceExhausted", reason: "REQUEST_TOO_LARGE" });
  });
});

describe("while the store cannot be reached", () => {
  test("calls fail with STORE_UNAVAILABLE and a time to wait, and readiness says no", async () => {
    const own = await startTestApi();
    const { jobs, health } = own.clients();
    const watching = health.watch({})[Symbol.asyncIterator]();
    expect((await watching.next()).value).toMatchObject({ health: { version: "1.2.3" } });
    await loseStore(own);
    expect(await problemOf(jobs.listJobs({}))).toMatchObject({
      ...{ code: "Unavailable", reason: "STORE_UNAVAILABLE", retries: true },
    });
    expect((await fetch(`${own.baseUrl}/livez`)).status).toBe(200);
    let status = 0;
    while (status !== 3) status = ((await watching.next()).value as { health: { status: number } }).health.status;
    expect((await fetch(`${own.baseUrl}/readyz`)).status).toBe(503);
    await own.server.close(100);
  });
});

describe("toProblem", () => {
  const call = (seen: unknown[] = []) => ({ requestId: "r-1", unexpected: (error: unknown) => void seen.push(error) });

  test("keeps what the store says, and says nothing of a fault but the request id", () => {
    const taken = toProblem(new StoreError("ENDPOINT_TAKEN", "taken", { device: "r1" }), call());
    expect(reasonOf(taken)).toBe("ENDPOINT_TAKEN");
    expect(taken.findDetails(ErrorInfoSchema)[0]!.metadata).toEqual({ device: "r1" });
    const seen: unknown[] = [];
    const fault = new TypeError("password is hunter2");
    const shown = toProblem(fault, call(seen));
    expect(shown.rawMessage).toBe("internal error (request r-1)");
    expect(seen).toEqual([fault]);
  });

  test.each([
    Object.assign(new Error("connect ECONNREFUSED 10.0.0.9:6379"), { code: "ECONNREFUSED", syscall: "connect" }),
    new Error("Connection is closed."),
    new Error("Command timed out"),
    new Error("LOADING Redis is loading the dataset in memory"),
    new Error("OOM command not allowed when used memory > 'maxmemory'."),
    new StoreError("STORE_UNAVAILABLE", "redis at 10.0.0.9 is gone"),
  ])("takes %s for a store that cannot be reached, and names no host", (error) => {
    const seen: unknown[] = [];
    const shown = toProblem(error, call(seen));
    expect(reasonOf(shown)).toBe("STORE_UNAVAILABLE");
    expect(shown.rawMessage).not.toContain("10.0.0.9");
    expect(seen).toEqual([]);
  });
});

test("a request id given by the caller comes back, one that is none is replaced", async () => {
  const ask = async (id: string): Promise<string | null> =>
    (await fetch(`${api.baseUrl}/livez`, { headers: { "x-request-id": id } })).headers.get("x-request-id");
  expect(await ask("my-id.1")).toBe("my-id.1");
  expect(await ask("x".repeat(129))).toMatch(/^[0-9a-f]{24}$/);
});

test("a client of another protocol version still learns the reason of an unknown method", async () => {
  const transport = transports(api.baseUrl)["gRPC over HTTP/2"]!;
  const unknown = { ...JobService.method.getJob, name: "Unknown", localName: "unknown" };
  const client = createClient({ ...JobService, methods: [unknown], method: { unknown } } as never, transport);
  const call = (client as Record<string, (request: object) => Promise<unknown>>)["unknown"]!({});
  expect(await problemOf(call)).toMatchObject({ code: "Unimplemented", reason: "METHOD_NOT_FOUND" });
});
