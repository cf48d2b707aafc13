import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createAddressRule } from "../../src/outbound/address-rule.js";
import { createOutbound } from "../../src/outbound/outbound.js";
import { systemClock } from "../../src/system/clock.js";

let port = 0;
let handle: (request: IncomingMessage, response: ServerResponse) => void;
const requests: { path: string; host: string; body: string }[] = [];
const server = createServer((request, response) => {
  const pieces: Buffer[] = [];
  request.on("data", (piece: Buffer) => pieces.push(piece));
  request.on("end", () => {
    const { url: path = "", headers } = request;
    requests.push({ path, host: headers.host ?? "", body: Buffer.concat(pieces).toString() });
    handle(request, response);
  });
});

beforeEach(async () => {
  requests.length = 0;
  handle = (_request, response) => response.end("fine");
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** Calls with names as `names` says; what is asked for more than once answers with the next address each time. */
function outbound(names: Readonly<Record<string, readonly string[]>> = {}, allowAddresses: readonly string[] = []) {
  const asked = new Map<string, number>();
  return createOutbound({
    clock: systemClock,
    rule: createAddressRule({ allowAddresses, allowHosts: [] }),
    resolve: async (host) => {
      const count = asked.get(host) ?? 0;
      asked.set(host, count + 1);
      const addresses = names[host] ?? [];
      const address = addresses[Math.min(count, addresses.length - 1)];
      return address === undefined ? [] : [{ address, family: address.includes(":") ? 6 : 4 }];
    },
  });
}

const call = (url: string) => ({ url, body: "{}", headers: {}, timeoutMs: 60_000, maxBytes: 1_000 });

describe("a call", () => {
  test.each([
    ...["127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]"],
    ...["inside.example", "localhost"],
  ])("to %s is refused before anything is sent", async (host) => {
    const calls = outbound({ "inside.example": ["127.0.0.1"], localhost: ["::1"] });
    await expect(calls.post(call(`http://${host}:${port}/`))).rejects.toMatchObject({ kind: "REFUSED" });
    expect(requests).toEqual([]);
  });

  test("to port 0 goes nowhere, and not to the port of its protocol", async () => {
    const refused = { kind: "REFUSED", message: expect.stringContaining("port 0") as string };
    await expect(outbound({}, ["127.0.0.1"]).post(call("http://127.0.0.1:0/"))).rejects.toMatchObject(refused);
  });

  test("goes to the address that was judged: a name that leads elsewhere by then changes nothing", async () => {
    const calls = outbound({ "hook.example": ["127.0.0.1", "10.0.0.1"] }, ["127.0.0.1"]);
    const answer = await calls.post(call(`http://hook.example:${port}/a?b=1`));
    expect(answer).toMatchObject({ status: 200, address: "127.0.0.1", truncated: false });
    expect(Buffer.from(answer.body).toString()).toBe("fine");
    expect(requests).toEqual([{ path: "/a?b=1", host: `hook.example:${port}`, body: "{}" }]);
  });

  test("follows a redirect on its host, with the same body, and judges the name anew", async () => {
    handle = (request, response) => {
      if (request.url === "/new") return void response.end("there");
      response.writeHead(307, { location: "/new" }).end();
    };
    const own = outbound({ "hook.example": ["127.0.0.1"] }, ["127.0.0.1"]);
    expect((await own.post(call(`http://hook.example:${port}/`))).status).toBe(200);
    expect(requests.map(({ path, body }) => [path, body])).toEqual([
      ["/", "{}"],
      ["/new", "{}"],
    ]);
    const rebound = outbound({ "hook.example": ["127.0.0.1", "10.0.0.1"] }, ["127.0.0.1"]);
    await expect(rebound.post(call(`http://hook.example:${port}/`))).rejects.toMatchObject({ kind: "REFUSED" });
  });

  test.each(["http://169.254.169.254/latest/meta-data", "//other.example/", "https://hook.example/"])(
    "does not follow a redirect to %s",
    async (location) => {
      handle = (_request, response) => response.writeHead(307, { location }).end();
      const calls = outbound({ "hook.example": ["127.0.0.1"], "other.example": ["127.0.0.1"] }, ["127.0.0.1"]);
      await expect(calls.post(call(`http://hook.example:${port}/`))).rejects.toMatchObject({ kind: "REFUSED" });
      expect(requests).toHaveLength(1);
    },
  );

  test("keeps as much of a body as it may, and reads no more", async () => {
    handle = (_request, response) => {
      response.write("x".repeat(1_500));
    };
    const calls = outbound({}, ["127.0.0.1"]);
    const answer = await calls.post(call(`http://127.0.0.1:${port}/`));
    expect([answer.body.length, answer.truncated]).toEqual([1_000, true]);
  });

  test.each([
    ["gzip", gzipSync],
    ["x-gzip", gzipSync],
    ["deflate", deflateSync],
    ["br", brotliCompressSync],
    ["BR ", brotliCompressSync],
  ])("asks for a plain answer, and unpacks one that is packed with %s all the same", async (coding, pack) => {
    const asked: unknown[] = [];
    handle = (request, response) => {
      asked.push(request.headers["accept-encoding"]);
      response.writeHead(200, { "content-encoding": coding }).end(pack("grüezi"));
    };
    const answer = await outbound({}, ["127.0.0.1"]).post(call(`http://127.0.0.1:${port}/`));
    expect([Buffer.from(answer.body).toString(), answer.truncated]).toEqual(["grüezi", false]);
    expect(asked).toEqual(["identity"]);
  });

  test.each([
    ["gzip", gzipSync],
    ["br", brotliCompressSync],
  ])(
    "keeps as much of a body packed with %s as it may once it is unpacked, and reads no more",
    async (coding, pack) => {
      // It never ends.
      handle = (_request, response) =>
        void response
          .writeHead(200, { "content-encoding": coding })
          .write(pack(Buffer.alloc(16 * 1024 * 1024)).subarray(0, -8));
      const answer = await outbound({}, ["127.0.0.1"]).post(call(`http://127.0.0.1:${port}/`));
      expect([answer.body.length, answer.truncated]).toEqual([1_000, true]);
    },
  );

  test("gives a damaged body as far as it goes, and one packed in an unknown way as it came", async () => {
    const text = Array.from({ length: 500 }, (_, i) => `line ${i * 7919}`).join("\n");
    const bodies = { gzip: gzipSync(text).subarray(0, -20), other: Buffer.from("as it came") };
    const post = async (coding: keyof typeof bodies) => {
      handle = (_request, response) => response.writeHead(200, { "content-encoding": coding }).end(bodies[coding]);
      const calls = outbound({}, ["127.0.0.1"]);
      return calls.post({ ...call(`http://127.0.0.1:${port}/`), maxBytes: 100_000 });
    };
    const damaged = await post("gzip");
    expect(text.startsWith(Buffer.from(damaged.body).toString())).toBe(true);
    expect([damaged.status, damaged.truncated]).toEqual([200, true]);
    expect(Buffer.from((await post("other")).body).toString()).toBe("as it came");
  });

  test("that breaks within a packed body has no answer", async () => {
    handle = (request, response) => {
      response.writeHead(200, { "content-encoding": "gzip", "content-length": "10000" });
      response.write(gzipSync("x".repeat(100)).subarray(0, 20), () => request.socket.destroy());
    };
    const broken = outbound({}, ["127.0.0.1"]).post(call(`http://127.0.0.1:${port}/`));
    await expect(broken).rejects.toMatchObject({ kind: "FAILED" });
  });

  test("that is answered with another protocol ends as one without an answer", async () => {
    handle = (request) => {
      request.socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n");
    };
    const calls = outbound({}, ["127.0.0.1"]);
    await expect(calls.post(call(`http://127.0.0.1:${port}/`))).rejects.toMatchObject({ kind: "FAILED" });
  });

  test("is over in time also while its name is looked for", async () => {
    const resolve = (): Promise<never> => new Promise(() => undefined);
    const rule = createAddressRule({ allowAddresses: [], allowHosts: [] });
    const calls = createOutbound({ clock: systemClock, rule, resolve });
    const late = calls.post({ ...call("http://hook.example/"), timeoutMs: 50 });
    await expect(late).rejects.toMatchObject({ kind: "FAILED", message: "no answer within 0.05 s" });
  });

  test("that is not answered in time, or by nobody, says so", async () => {
    handle = () => undefined;
    const calls = outbound({}, ["127.0.0.1"]);
    const silent = calls.post({ ...call(`http://127.0.0.1:${port}/`), timeoutMs: 100 });
    await expect(silent).rejects.toMatchObject({ kind: "FAILED", message: "no answer within 0.1 s" });
    server.closeAllConnections();
    await expect(calls.post(call("http://127.0.0.1:1/"))).rejects.toMatchObject({ kind: "FAILED" });
    await expect(calls.post(call("http://nowhere.example/"))).rejects.toMatchObject({ kind: "FAILED" });
  });
});
