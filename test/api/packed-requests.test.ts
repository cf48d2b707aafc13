import { brotliCompressSync, gzipSync } from "node:zlib";
import { createClient, type Transport } from "@connectrpc/connect";
import {
  compressionGzip,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import { JobService } from "@pointsman/sdk/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApi, type TestApi } from "../support/api-server.js";
import { until } from "./problems.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

const listJobs = "/pointsman.v1.JobService/ListJobs";

describe.each(["JSON", "binary"])("a client that packs its requests, in %s", (form) => {
  const transports: Record<string, () => Transport> = {
    gRPC: () => createGrpcTransport(options()),
    "gRPC-Web": () => createGrpcWebTransport({ ...options(), httpVersion: "1.1" }),
    Connect: () => createConnectTransport({ ...options(), httpVersion: "2" }),
  };
  const options = () => ({
    ...{ baseUrl: api.baseUrl, useBinaryFormat: form === "binary" },
    ...{ sendCompression: compressionGzip, compressMinBytes: 0 },
  });

  test.each(Object.entries(transports))("is served over %s, in single calls and in streams", async (_name, open) => {
    const client = createClient(JobService, open());
    const filter = { labels: { site: "fra" } };
    expect((await client.listJobs({ filter })).jobs).toEqual([]);
    const seen = await until(
      (signal) => client.watchJobs({ filter }, { signal }),
      ({ item }) => item.case === "synced",
    );
    expect(seen).toHaveLength(1);
  });
});

describe("what would be lost in reading is refused however it is packed", () => {
  const json = '{"filter":{"labels":{"__proto__":"a"}}}';
  const day = '{"filter":{"createdAfter":"2026-02-30T00:00:00Z"}}';
  // filter (1), labels (7), the entry's key (1) and value (2).
  const entry = Buffer.concat([Buffer.from([0x0a, 9]), Buffer.from("__proto__"), Buffer.from([0x12, 1, 0x61])]);
  const binary = Buffer.concat([Buffer.from([0x0a, entry.length + 2, 0x3a, entry.length]), entry]);
  const packings = { gzip: gzipSync, br: brotliCompressSync };
  const kinds = { json: "application/json", proto: "application/proto" };
  const refused = '"reason":"INVALID_REQUEST"';

  const cases = (["gzip", "br"] as const).flatMap((packing) => [
    [packing, "json", Buffer.from(json)] as const,
    [packing, "json", Buffer.from(day)] as const,
    [packing, "proto", binary] as const,
  ]);

  test.each(cases)("%s of %s in the body of a Connect call", async (packing, kind, message) => {
    const response = await fetch(`${api.baseUrl}${listJobs}`, {
      method: "POST",
      headers: { "content-type": kinds[kind], "content-encoding": packing },
      body: packings[packing](message),
    });
    expect(response.status).toBe(400);
    expect(await response.text()).toContain(refused);
  });

  test.each(cases)("%s of %s in the query of a GET", async (packing, kind, message) => {
    for (const packed of [true, false]) {
      const query = new URLSearchParams({ connect: "v1", encoding: kind, base64: "1" });
      query.set("message", Buffer.from(packed ? packings[packing](message) : message).toString("base64url"));
      if (packed) query.set("compression", packing);
      const response = await fetch(`${api.baseUrl}${listJobs}?${query.toString()}`);
      expect(response.status).toBe(400);
      expect(await response.text()).toContain(refused);
    }
  });

  test.each(cases)("%s of %s in an envelope of gRPC-Web", async (packing, kind, message) => {
    const response = await fetch(`${api.baseUrl}${listJobs}`, {
      method: "POST",
      headers: { "content-type": `application/grpc-web+${kind}`, "grpc-encoding": packing },
      body: encodeEnvelope(1, packings[packing](message)) as never,
    });
    expect(response.headers.get("grpc-status") ?? (await response.text())).toMatch(/^3$|grpc-status: 3/);
  });
});

test("a wrong field of a packed request is named, as that of any other", async () => {
  const response = await fetch(`${api.baseUrl}${listJobs}`, {
    method: "POST",
    headers: { "content-type": "application/json", "content-encoding": "gzip" },
    body: gzipSync('{"filter":{"colour":"red"}}'),
  });
  expect(await response.text()).toContain("filter.colour");
});
