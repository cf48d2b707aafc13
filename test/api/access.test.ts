import { connect } from "node:net";
import * as http2 from "node:http2";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { CredentialService, type InlineEndpointSchema, JobService, RunService } from "@pointsman/sdk/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createApiKey, matchesHash, parseApiKey } from "../../src/api/calls/api-keys.js";
import { Health } from "../../src/api/gen/grpc/health/v1/health_pb.js";
import { assertSafeToServe } from "../../src/api/calls/loopback.js";
import { systemClock } from "../../src/system/clock.js";
import { systemRandom } from "../../src/system/random.js";
import { readSpec, startTestApi, type TestApi } from "../support/api-server.js";
import { eventually } from "../support/eventually.js";
import { newJob } from "../support/jobs.js";
import { all, problemOf } from "./problems.js";

let api: TestApi;
const keys = { reader: "", operator: "", admin: "" };
beforeAll(async () => {
  api = await startTestApi({ withKey: true });
  for (const role of ["reader", "operator", "admin"] as const) keys[role] = await api.key(role);
});
afterAll(() => api.close());

function transport(kind: string, key: string | undefined, header = "x-api-key", baseUrl = api.baseUrl): Transport {
  const interceptors = [
    (next: (request: never) => Promise<never>) => (request: never) => {
      const { header: headers } = request as { header: Headers };
      if (key !== undefined) headers.set(header, header === "x-api-key" ? key : `Bearer ${key}`);
      return next(request);
    },
  ] as never;
  if (kind === "grpc") return createGrpcTransport({ baseUrl, interceptors });
  if (kind === "grpc-web") return createGrpcWebTransport({ baseUrl, httpVersion: "1.1", interceptors });
  return createConnectTransport({ baseUrl, httpVersion: kind === "connect h1" ? "1.1" : "2", interceptors });
}

describe.each(["grpc", "grpc-web", "connect h1", "connect h2"])("over %s", (kind) => {
  test("without a key, with a wrong secret or an unknown id: UNAUTHENTICATED, in words that do not differ", async () => {
    const known = parseApiKey(keys.reader)!;
    const wrong = [`pm_${known.id}_${"0".repeat(52)}`, `pm_${"0".repeat(12)}_${known.secret}`, "nonsense"];
    const problems = await Promise.all(
      [undefined, ...wrong].map((key) => problemOf(createClient(JobService, transport(kind, key)).listJobs({}))),
    );
    for (const problem of problems) {
      expect(problem).toMatchObject({ code: "Unauthenticated", reason: "UNAUTHENTICATED", domain: "pointsman" });
    }
    expect(new Set(problems.slice(1).map(({ message }) => message)).size).toBe(1);
  });

  test("a stream is refused in the same way", async () => {
    const { watchJobs } = createClient(JobService, transport(kind, undefined));
    expect(await problemOf(all(watchJobs({})))).toMatchObject({ reason: "UNAUTHENTICATED" });
  });

  test("a role too low: PERMISSION_DENIED; high enough: served, by either header", async () => {
    const low = createClient(CredentialService, transport(kind, keys.operator));
    expect(await problemOf(low.deleteCredential({ name: "x" }))).toMatchObject({
      ...{ code: "PermissionDenied", reason: "PERMISSION_DENIED" },
    });
    for (const header of ["x-api-key", "authorization"]) {
      await createClient(JobService, transport(kind, keys.reader, header)).listJobs({});
    }
  });

  test("grpc.health needs no key", async () => {
    const { check } = createClient(Health, transport(kind, undefined));
    await eventually(async () => expect((await check({})).status).toBe(1));
  });
});

describe("a stored login at a host that only the caller vouches for", () => {
  const hostKeys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMN1RxdsMKbvrlAdDfTMxSM2l8nRMwAKSDZ9ZQrBfpBn"];
  const place = { address: "10.66.0.1", platform: "linux" };
  const stored = { case: "credential", value: "vault" } as const;
  const own = { case: "secret", value: { username: "me", password: "mine" } } as const;
  const gate = { address: "10.66.0.2" };
  const jobOf = (endpoint: MessageInitShape<typeof InlineEndpointSchema>) => ({
    job: { target: { case: "endpoint", value: endpoint }, operation: { case: "probe", value: {} } } as const,
  });
  const denied = (...fields: string[]) => ({ reason: "PERMISSION_DENIED", fields });
  const as = (role: keyof typeof keys, at: TestApi = api, key = keys[role]) => {
    const by = transport("connect h2", key, "x-api-key", at.baseUrl);
    return { jobs: createClient(JobService, by), runs: createClient(RunService, by) };
  };
  const storeLogin = (at: TestApi, key: string) =>
    createClient(CredentialService, transport("connect h2", key, "x-api-key", at.baseUrl)).createCredential({
      name: "vault",
      login: { username: "u", password: "p" },
    });
  beforeAll(() => storeLogin(api, keys.admin));

  test("is told to it for admins alone", async () => {
    const { jobs, runs } = as("operator");
    const told = jobOf({ ...place, login: stored, hostKeys });
    expect(await problemOf(jobs.createJob(told))).toMatchObject(denied("job.endpoint.host_keys"));
    const { results } = await jobs.batchCreateJobs({ jobs: [told.job] });
    expect(results[0]?.result).toMatchObject({ case: "error", value: { reason: "PERMISSION_DENIED" } });
    const run = { targets: [{ target: told.job.target }], job: { operation: told.job.operation } };
    expect(await problemOf(runs.createRun({ run }))).toMatchObject(denied("run.targets[0].endpoint.host_keys"));
    const byBastion = jobOf({ ...place, login: stored, bastions: [{ ...gate, hostKeys }] });
    expect(await problemOf(jobs.createJob(byBastion))).toMatchObject(denied("job.endpoint.bastions[0].host_keys"));
    const atBastion = jobOf({ ...place, login: own, bastions: [{ ...gate, login: stored, hostKeys }] });
    expect(await problemOf(jobs.createJob(atBastion))).toMatchObject(denied("job.endpoint.bastions[0].host_keys"));
    await as("admin").jobs.createJob(told);
  });

  test("is another thing than a login of the caller's, and than a host whose key is known here", async () => {
    const { jobs } = as("operator");
    await jobs.createJob(jobOf({ ...place, login: own, hostKeys, bastions: [{ ...gate, hostKeys }] }));
    await jobs.createJob(jobOf({ ...place, login: stored, bastions: [{ ...gate, login: own, hostKeys }] }));
  });

  test("is told to nobody new either where new keys are accepted", async () => {
    const trusting = await startTestApi({ withKey: true, defaultHostKeyPolicy: "accept-new" });
    try {
      const admin = await trusting.key("admin");
      await storeLogin(trusting, admin);
      const asked = jobOf({ ...place, login: stored });
      const operator = as("operator", trusting, await trusting.key("operator"));
      expect(await problemOf(operator.jobs.createJob(asked))).toMatchObject(denied("job.endpoint.credential"));
      await as("admin", trusting, admin).jobs.createJob(asked);
    } finally {
      await trusting.close();
    }
  });
});

test("the answer comes before the body is read: to a body that never ends, over both versions", async () => {
  const socket = connect(api.port, "127.0.0.1");
  socket.write(
    "POST /pointsman.v1.JobService/CreateJob HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 4194304\r\n\r\n{",
  );
  const head = await new Promise<string>((done) => socket.once("data", (data: Buffer) => done(data.toString())));
  expect(head).toMatch(/^HTTP\/1\.1 401 /);
  socket.destroy();

  const session = http2.connect(api.baseUrl);
  const path = "/pointsman.v1.JobService/CreateJob";
  const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc" });
  stream.write(Buffer.from([0, 0x40]));
  const headers = await new Promise<http2.IncomingHttpHeaders>((done) => stream.once("response", done));
  expect(headers["grpc-status"]).toBe("16");
  await new Promise((done) => stream.once("close", done));
  session.destroy();
});

test("Expect: 100-continue is answered with the refusal, not with an invitation to send the body", async () => {
  const ask = async (key: string): Promise<string> => {
    const socket = connect(api.port, "127.0.0.1");
    socket.write(
      `POST /pointsman.v1.JobService/ListJobs HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: ${key}\r\ncontent-type: application/json\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n`,
    );
    const head = await new Promise<string>((done) => socket.once("data", (data: Buffer) => done(data.toString())));
    socket.destroy();
    return head.split("\r\n")[0]!;
  };
  expect(await ask("wrong")).toBe("HTTP/1.1 401 Unauthorized");
  expect(await ask(keys.reader)).toBe("HTTP/1.1 100 Continue");
});

test("a removed key is refused within 5 seconds, and remembered keys and misses do not outlive that", async () => {
  let now = 0;
  const clock = { ...systemClock, monotonic: () => now };
  const own = await startTestApi({ withKey: true, clock: clock });
  try {
    const key = await own.key("reader");
    const ask = async (): Promise<number> =>
      (
        await fetch(`${own.baseUrl}/pointsman.v1.JobService/ListJobs?encoding=json&message={}`, {
          headers: { "x-api-key": key },
        })
      ).status;
    expect(await ask()).toBe(200);
    await own.store.apiKeys.remove(parseApiKey(key)!.id);
    expect(await ask()).toBe(200);
    now += 5_001;
    expect(await ask()).toBe(401);
  } finally {
    await own.close();
  }
});

describe("a watch that is open when its key is taken away", () => {
  /** A server that believes in a key, and looks for it again, for a hundredth of the five seconds. */
  async function watched(): Promise<TestApi> {
    const clock = {
      ...systemClock,
      monotonic: () => systemClock.monotonic() * 100,
      timer: (ms: number, run: () => void) => systemClock.timer(ms === 5_000 ? 50 : ms, run),
    };
    return startTestApi({ withKey: true, clock });
  }

  test.each(["grpc", "grpc-web", "connect h1", "connect h2"])(
    "is ended with UNAUTHENTICATED over %s; others' go on",
    async (kind) => {
      const own = await watched();
      try {
        const [key, kept] = [await own.key("reader"), await own.key("reader")];
        const watch = (as: string) => {
          const stop = new AbortController();
          const client = createClient(JobService, transport(kind, as, "x-api-key", own.baseUrl));
          const seen: (string | undefined)[] = [];
          const ended = (async () => {
            for await (const { item } of client.watchJobs({}, { signal: stop.signal })) seen.push(item.case);
          })();
          return { stop, seen, ended };
        };
        const [cut, other] = [watch(key), watch(kept)];
        // There may be heartbeats behind it, at a hundred times their pace.
        await eventually(() => expect([cut.seen[0], other.seen[0]]).toEqual(["synced", "synced"]));
        await own.store.apiKeys.remove(parseApiKey(key)!.id);
        expect(await problemOf(cut.ended)).toMatchObject({ code: "Unauthenticated", reason: "UNAUTHENTICATED" });
        await own.store.jobs.create(newJob(Date.now(), { spec: new Uint8Array() }));
        await eventually(() => expect(other.seen).toContain("changed"));
        other.stop.abort();
        await other.ended.catch(() => undefined);
      } finally {
        await own.close();
      }
    },
  );

  test("is ended with a failure in the event stream", async () => {
    const own = await watched();
    try {
      const key = await own.key("operator");
      const client = own.clients(transport("connect h2", key, "x-api-key", own.baseUrl));
      const { job } = await client.jobs.createJob({ job: readSpec() as never });
      const stream = await fetch(`${own.baseUrl}/v1/jobs/${job!.id}/events`, { headers: { "x-api-key": key } });
      expect(stream.status).toBe(200);
      await own.store.apiKeys.remove(parseApiKey(key)!.id);
      const text = await stream.text();
      expect(text).toContain('event: failure\ndata: {"code":"unauthenticated"');
      expect(text).not.toContain("event: close");
    } finally {
      await own.close();
    }
  });
});

describe("while no key is configured", () => {
  let open: TestApi;
  beforeAll(async () => {
    open = await startTestApi();
  });
  afterAll(() => open.close());

  const ask = (headers: Record<string, string>): Promise<number> =>
    new Promise((done) => {
      const socket = connect(open.port, "127.0.0.1");
      const fields = { host: "127.0.0.1", connection: "close", ...headers };
      const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.write(`GET /pointsman.v1.JobService/ListJobs?encoding=json&message={} HTTP/1.1\r\n${lines.join("")}\r\n`);
      socket.once("data", (data: Buffer) => {
        done(Number(data.toString().split(" ")[1]));
        socket.destroy();
      });
    });

  test.each([
    [{ host: "127.0.0.1:9000" }, 200],
    [{ host: "localhost" }, 200],
    [{ host: "[::1]:9000" }, 200],
    [{ host: "127.0.0.1", origin: "http://localhost:3000" }, 200],
    [{ host: "evil.example" }, 401],
    [{ host: "127.0.0.1.evil.example" }, 401],
    [{ host: "127.0.0.1", origin: "https://evil.example" }, 401],
    [{ host: "127.0.0.1", origin: "null" }, 401],
    [{ host: "127.0.0.1", "x-forwarded-for": "203.0.113.7" }, 401],
    [{ host: "127.0.0.1", "x-real-ip": "203.0.113.7" }, 401],
    [{ host: "127.0.0.1", forwarded: "for=203.0.113.7" }, 401],
    [{ host: "127.0.0.1", via: "1.1 proxy" }, 401],
  ])("a request with %j gets %i: neither a web page nor a proxy speaks for this machine", async (headers, status) => {
    expect(await ask(headers)).toBe(status);
  });

  test("the first key closes it within 5 seconds", async () => {
    let now = 0;
    const own = await startTestApi({ clock: { ...systemClock, monotonic: () => now } });
    try {
      const url = `${own.baseUrl}/pointsman.v1.JobService/ListJobs?encoding=json&message={}`;
      expect((await fetch(url)).status).toBe(200);
      await own.key("admin");
      now += 5_001;
      expect((await fetch(url)).status).toBe(401);
    } finally {
      await own.close();
    }
  });

  test.each([
    ["127.0.0.1", false, false, undefined],
    ["localhost", false, false, undefined],
    ["::1", false, false, undefined],
    ["0.0.0.0", false, false, "Refusing to listen on 0.0.0.0 without any API key"],
    ["0.0.0.0", false, true, "Refusing to listen on 0.0.0.0 without any API key"],
    ["::", false, false, "Refusing to listen on :: without any API key"],
    ["10.0.0.1", false, false, "Refusing"],
    ["0.0.0.0", true, true, undefined],
  ])("listening on %s (any key: %s, TLS: %s) is %s", (host, anyKey, tls, line) => {
    const serve = (): string | undefined => assertSafeToServe(host, anyKey, tls);
    if (line === undefined) expect(serve()).toBeUndefined();
    else expect(serve).toThrow(line);
  });

  test("a server refuses to listen for the network, with one line", async () => {
    const refused = await startTestApi({ host: "0.0.0.0" }).catch((error: unknown) => error as Error);
    expect((refused as Error).message).toMatch(/^Refusing to listen on 0\.0\.0\.0[^\n]*$/);
  });
});

describe("an API key", () => {
  test("is stored as a hash alone, and its secret is compared whole", async () => {
    const made = await createApiKey(
      { apiKeys: api.store.apiKeys, random: systemRandom },
      { name: "ci", role: "operator" },
    );
    const parsed = parseApiKey(made.key)!;
    expect(parsed.secret).toHaveLength(52);
    expect(matchesHash(parsed.secret, made.record.hash)).toBe(true);
    expect(matchesHash(`${parsed.secret.slice(0, -1)}0`, made.record.hash)).toBe(parsed.secret.endsWith("0"));
    expect(JSON.stringify(await api.at.dump())).not.toContain(parsed.secret);
    expect(await api.store.apiKeys.get(parsed.id)).toMatchObject({ name: "ci", role: "operator" });
  });

  test.each(["", "local", "two words", "a".repeat(65), "-x"])("is not named %j", async (name) => {
    const parts = { apiKeys: api.store.apiKeys, random: systemRandom };
    await expect(createApiKey(parts, { name, role: "reader" })).rejects.toThrow("name of a key");
  });

  test("never shows in the log, whatever becomes of the call", async () => {
    await eventually(() => expect(api.log.join("")).toContain("PERMISSION_DENIED"));
    for (const key of Object.values(keys)) expect(api.log.join("")).not.toContain(parseApiKey(key)!.secret);
    expect(api.log.join("")).toContain('"principal":"reader-key"');
  });
});
