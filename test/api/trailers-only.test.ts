import * as http2 from "node:http2";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestApi, type TestApi } from "../support/api-server.js";

let api: TestApi;
let session: http2.ClientHttp2Session;
let reader: string;
beforeAll(async () => {
  api = await startTestApi({ withKey: true });
  reader = await api.key("reader");
  session = http2.connect(api.baseUrl);
});
afterAll(async () => {
  session.destroy();
  await api.close();
});

const jobs = "/pointsman.v1.JobService";

// gRPC's C core, which Python and many others stand on, takes an empty DATA frame behind such a head for a fault.
test.each([
  ["an unknown method", `${jobs}/Nope`, true, "12"],
  ["an unknown service", "/pointsman.v1.NoService/Get", true, "12"],
  ["a path that is none", "/nothing", true, "12"],
  ["a caller without a key", `${jobs}/ListJobs`, false, "16"],
  ["a stream's caller without a key", `${jobs}/WatchJobs`, false, "16"],
  ["a role too low", `${jobs}/CreateJob`, true, "7"],
])("to %s the head of a gRPC answer is also its end", async (_what, path, withKey, status) => {
  for (const type of ["application/grpc", "application/grpc+proto"]) {
    const head = { ":method": "POST", ":path": path, "content-type": type, te: "trailers" };
    const stream = session.request({ ...head, ...(withKey && { "x-api-key": reader }) });
    stream.end(Buffer.alloc(5));
    const [headers, flags] = await new Promise<[http2.IncomingHttpHeaders, number]>((done) =>
      stream.once("response", (fields, bits) => done([fields, bits])),
    );
    expect(headers).toMatchObject({ ":status": 200, "content-type": type, "grpc-status": status });
    expect(headers["x-request-id"]).toBeDefined();
    expect(flags & http2.constants.NGHTTP2_FLAG_END_STREAM).not.toBe(0);
    stream.resume();
    await new Promise((done) => stream.once("close", done));
  }
});
