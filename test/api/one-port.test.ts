import { mkdtemp, rm } from "node:fs/promises";
import http2 from "node:http2";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { setImmediate as nextTurn } from "node:timers/promises";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { JobService, type WatchJobsResponse } from "@pointsman/sdk/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createOnePortServer } from "../../src/api/http/one-port-server.js";
import { wholeBody } from "../../src/api/http/request-body.js";
import { systemClock } from "../../src/system/clock.js";
import { readSpec, startTestApi, type TestApi, transports } from "../support/api-server.js";
import { makeCertificate } from "../support/certificate.js";
import { eventually } from "../support/eventually.js";
import { problemOf } from "./problems.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

test("the line of a call in the log names the job that it was about, or that it created", async () => {
  const { jobs } = api.clients();
  const { job } = await jobs.createJob({ job: readSpec(200) as never });
  const { results } = await jobs.batchCreateJobs({ jobs: [readSpec(201), readSpec(202)] as never });
  await jobs.getJob({ id: job!.id });
  await jobs.cancelJob({ id: job!.id });
  for await (const item of jobs.watchJob({ id: job!.id })) expect(item.cursor).not.toBe("");
  await (await fetch(`${api.baseUrl}/v1/jobs/${job!.id}/events`)).text();
  const ids = results.map(({ result }) => (result.value as { readonly id: string }).id);
  await eventually(() => {
    const lines = api.log.map((line) => JSON.parse(line) as { method?: string; job?: string; jobs?: string[] });
    const about = (method: string): unknown[] =>
      lines.filter((line) => line.method?.endsWith(method)).map((line) => line.job ?? line.jobs);
    for (const method of ["/CreateJob", "/GetJob", "/CancelJob", "/WatchJob", "/events"]) {
      expect(about(method), method).toEqual([job!.id]);
    }
    expect(about("/BatchCreateJobs")).toEqual([ids]);
  });
});

test("whoever asks whether it lives may ask for the head alone, over either HTTP", async () => {
  const session = http2.connect(api.baseUrl);
  await eventually(async () => expect((await fetch(`${api.baseUrl}/readyz`)).status).toBe(200));
  for (const path of ["/livez", "/readyz"]) {
    const head = await fetch(`${api.baseUrl}${path}`, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    const stream = session.request({ ":method": "HEAD", ":path": path });
    const status = new Promise((done) => stream.once("response", (fields) => done(fields[":status"])));
    expect(await status).toBe(200);
    expect(await text(stream)).toBe("");
  }
  session.close();
  const events = `${api.baseUrl}/v1/jobs/${"0".repeat(26)}/events`;
  expect((await fetch(events, { method: "HEAD" })).status).toBe(501);
});

describe("a body in pieces", () => {
  test("20,000 frames of one byte are read as what they are", async () => {
    const message = Buffer.concat([Buffer.from([0x1a, 0x9b, 0x9c, 0x01]), Buffer.alloc(19_995, 0x61)]);
    const envelope = Buffer.alloc(5);
    envelope.writeUInt32BE(message.length, 1);
    const bytes = Buffer.concat([envelope, message]);
    // Written by hand: a client library would put what is written at once into one frame.
    const head = {
      ":method": "POST",
      ":scheme": "http",
      ":authority": "127.0.0.1",
      ":path": "/pointsman.v1.JobService/ListJobs",
      "content-type": "application/grpc",
    };
    const attack = Buffer.concat([
      Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
      frame(4, 0, 0, Buffer.alloc(0)),
      frame(1, 4, 1, headerBlock(head)),
      ...Array.from(bytes, (byte, index) => frame(0, index === bytes.length - 1 ? 1 : 0, 1, Buffer.of(byte))),
    ]);
    const socket = connect(api.port, "127.0.0.1");
    await new Promise((done) => socket.once("connect", done));
    socket.resume();
    socket.write(attack);
    // The message was read whole: its page token is too long.
    const line = await eventually(() => api.log.find((one) => one.includes('"reason":"INVALID_REQUEST"'))!.trim());
    expect(JSON.parse(line)).toMatchObject({ method: "/pointsman.v1.JobService/ListJobs", protocol: "grpc" });
    socket.destroy();
  });

  test("reaches the decoder in one, however many turns it takes to come", async () => {
    const request = Object.assign(new PassThrough(), { headers: {} });
    const pieces: Uint8Array[] = [];
    const reading = (async () => {
      const options = { clock: systemClock, deadlineMs: 120_000 };
      for await (const piece of wholeBody(request as never, {} as never, options)) pieces.push(piece);
    })();
    for (let sent = 0; sent < 500; sent++) {
      request.write(Buffer.of(sent % 256));
      await nextTurn();
    }
    request.end();
    await reading;
    expect(pieces.map((piece) => piece.length)).toEqual([500]);
    expect(pieces[0]![499]).toBe(499 % 256);
  });

  test("that does not come in time is given up", async () => {
    const request = Object.assign(new PassThrough(), { headers: {} });
    const body = wholeBody(request as never, {} as never, { clock: systemClock, deadlineMs: 20 });
    expect(await problemOf(body.next())).toMatchObject({ code: "DeadlineExceeded", reason: "DEADLINE_EXCEEDED" });
  });

  test("a request in three arbitrary pieces is one request", async () => {
    const socket = connect(api.port, "127.0.0.1");
    const request =
      'POST /pointsman.v1.JobService/ListJobs HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 14\r\nconnection: close\r\n\r\n{"pageSize":1}';
    for (const [start, end] of [
      [0, 1],
      [1, 3],
      [3, undefined],
    ]) {
      await new Promise<void>((done) => socket.write(request.slice(start, end), () => setImmediate(done)));
    }
    const answer = await new Promise<string>((done) => socket.once("data", (data: Buffer) => done(data.toString())));
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK/);
    socket.destroy();
  });
});

/** A frame of HTTP/2 (RFC 9113, section 4.1). */
function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Header fields as literals without indexing (RFC 7541, section 6.2.2). */
function headerBlock(fields: Record<string, string>): Buffer {
  const literal = (text: string): Buffer => Buffer.concat([Buffer.of(text.length), Buffer.from(text)]);
  return Buffer.concat(
    Object.entries(fields).flatMap(([name, value]) => [Buffer.of(0), literal(name), literal(value)]),
  );
}

describe("a connection that dawdles", () => {
  test.each([
    ["says nothing", ""],
    ["stops within the first bytes", "PR"],
    ["stops within the head", "GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow"],
  ])("and %s is cut", async (_how, sent) => {
    const server = createOnePortServer({
      handler: (_request, response) => void response.end(),
      limits: { headMs: 150 },
    });
    const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
    const socket = connect(port, "127.0.0.1");
    socket.resume();
    if (sent) socket.write(sent);
    await new Promise((done) => socket.once("close", done));
    await server.close(0);
  });

  test("and leaves a ping unanswered is cut, with everything it held", async () => {
    const server = createOnePortServer({ handler: () => undefined, limits: { pingMs: 50 } });
    const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
    // A peer that speaks just enough HTTP/2 to be one: preface and settings, and then never again.
    const socket = connect(port, "127.0.0.1");
    socket.write(
      Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])]),
    );
    socket.resume();
    await new Promise((done) => socket.once("close", done));
    await server.close(0);
  });
});

describe("over TLS", () => {
  test("HTTP/2 and HTTP/1.1 are told apart by ALPN, on the same port", async () => {
    const dir = await mkdtemp(join(tmpdir(), "tls-"));
    const tls = await makeCertificate(dir, "first");
    const own = await startTestApi({ tls });
    try {
      const baseUrl = `https://localhost:${own.port}`;
      const nodeOptions = { ca: tls.cert };
      for (const transport of [
        createGrpcTransport({ baseUrl, nodeOptions }),
        createConnectTransport({ baseUrl, httpVersion: "1.1", nodeOptions }),
      ]) {
        expect((await createClient(JobService, transport).listJobs({})).jobs).toEqual([]);
      }
      const plain = connect(own.port, "127.0.0.1");
      plain.on("error", () => undefined);
      plain.write("GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n");
      const said = await new Promise<string>((done) => {
        let text = "";
        plain.on("data", (data: Buffer) => (text += data.toString("latin1")));
        plain.on("close", () => done(text));
      });
      expect(said).not.toContain("ok");

      // Renewed while it runs: what is open goes on, and new connections get the new certificate.
      const open = createClient(JobService, createGrpcTransport({ baseUrl, nodeOptions }));
      await open.listJobs({});
      const next = await makeCertificate(dir, "second");
      own.server.renewTls(next);
      expect((await open.listJobs({})).jobs).toEqual([]);
      const renewed = createGrpcTransport({ baseUrl, nodeOptions: { ca: next.cert } });
      expect((await createClient(JobService, renewed).listJobs({})).jobs).toEqual([]);
    } finally {
      await own.close();
      await rm(dir, { recursive: true });
    }
  });
});

describe("stopping", () => {
  test.each(["gRPC over HTTP/2", "gRPC-Web over HTTP/1.1", "Connect JSON over HTTP/1.1", "Connect binary over HTTP/2"])(
    "ends watches over %s with SHUTTING_DOWN and never cleanly, and waits of GetJob as well",
    async (name) => {
      const own = await startTestApi();
      const { jobs } = own.clients(transports(own.baseUrl)[name]);
      const { job } = await jobs.createJob({ job: readSpec() as never });
      // Both calls that are about the job follow it, once the server has begun them.
      let followers = 0;
      const { onJob } = own.store.watches;
      Object.assign(own.store.watches, {
        onJob: (...given: Parameters<typeof onJob>) => {
          followers++;
          return onJob(...given);
        },
      });
      const synced: string[] = [];
      const watch = async (
        stream: AsyncIterable<{ item: WatchJobsResponse["item"] | { case?: string } }>,
      ): Promise<void> => {
        for await (const { item } of stream) if (item.case === "synced") synced.push("");
      };
      const calls = [
        problemOf(watch(jobs.watchJob({ id: job!.id }) as never)),
        problemOf(watch(jobs.watchJobs({}) as never)),
        problemOf(jobs.getJob({ id: job!.id, waitTimeout: { seconds: 60n } })),
      ];
      await eventually(() => expect([synced.length, followers]).toEqual([2, 2]));
      await own.server.close(60_000);
      for (const problem of await Promise.all(calls)) {
        expect(problem).toMatchObject({ code: "Unavailable", reason: "SHUTTING_DOWN" });
      }
      await own.at.close();
    },
  );

  test("cuts what does not end within the grace", async () => {
    const server = createOnePortServer({ handler: () => undefined });
    const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
    const socket = connect(port, "127.0.0.1");
    const closed = new Promise((done) => socket.once("close", done));
    socket.resume();
    await new Promise<void>((done) => socket.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n", () => done()));
    await server.close(50);
    await closed;
  });
});
