import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApi, type TestApi } from "../support/api-server.js";

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const root = here("../..");
const buf = join(root, "node_modules/.bin/buf");

/** Debian's own interpreter first: it is the one that has python3-grpcio. */
const python = ["/usr/bin/python3", "python3"].find(
  (command) => spawnSync(command, ["-c", "import grpc, google.protobuf"]).status === 0,
);
const hasCurl = spawnSync("curl", ["--version"]).status === 0;
/** Where the machine is ours to prepare, a missing client is a failure, not an excuse. */
const inCi = Boolean(process.env["CI"]);

let api: TestApi;
let locked: TestApi;
let dir: string;
let image: string;
beforeAll(async () => {
  api = await startTestApi();
  locked = await startTestApi({ withKey: true });
  dir = await mkdtemp(join(tmpdir(), "interop-"));
  image = join(dir, "image.binpb");
  await run(buf, ["build", "-o", image], { cwd: root });
});
afterAll(async () => {
  await api.close();
  await locked.close();
  await rm(dir, { recursive: true, force: true });
});

describe.skipIf(!python && !inCi)("Python's grpcio (skipped where python3-grpcio is not installed)", () => {
  test("unary, error details, deadline, stream, cancel, gzip, health and reflection, over clear-text HTTP/2", async () => {
    const script = here("./grpc-client.py");
    const key = await locked.key("reader");
    const [open, closed] = [`127.0.0.1:${api.port}`, `127.0.0.1:${locked.port}`];
    const { stdout } = await run(python ?? "python3", [script, open, image, "10.50.0.1", closed, key]);
    const seen = JSON.parse(stdout) as Record<string, unknown>;
    expect(seen).toMatchObject({
      created: expect.stringMatching(/^[0-9a-z]{26}$/) as string,
      invalid: { code: "INVALID_ARGUMENT", reason: "INVALID_REQUEST", domain: "pointsman", fields: ["id"] },
      missing: { code: "NOT_FOUND", reason: "JOB_NOT_FOUND" },
      no_method: { code: "UNIMPLEMENTED", reason: "METHOD_NOT_FOUND" },
      no_service: { code: "UNIMPLEMENTED", reason: "METHOD_NOT_FOUND" },
      unauthenticated: { code: "UNAUTHENTICATED", reason: "UNAUTHENTICATED" },
      forbidden: { code: "PERMISSION_DENIED", reason: "PERMISSION_DENIED" },
      deadline: "DEADLINE_EXCEEDED",
      deadline_in_time: true,
      stream: ["snapshot", "event", "synced"],
      cancelled: "CANCELLED",
      health: 1,
    });
    expect((seen["rest"] as string[]).at(-1)).toBe("synced");
    expect(seen["services"]).toContain("pointsman.v1.JobService");
  });
});

describe("buf curl, with nothing but reflection", () => {
  const curl = async (...args: readonly string[]): Promise<string> =>
    (await run(buf, ["curl", ...args], { cwd: dir })).stdout;

  test.each(["grpc-v1", "grpc-v1alpha"])("finds the services and methods over %s", async (protocol) => {
    const args = ["--http2-prior-knowledge", "--reflect-protocol", protocol, "--list-methods", api.baseUrl];
    const methods = await curl(...args);
    expect(methods).toContain("pointsman.v1.JobService/CreateJob");
    expect(methods).toContain("grpc.health.v1.Health/Check");
  });

  test.each(["grpc", "connect", "grpcweb"])("calls a method over %s", async (protocol) => {
    const url = `${api.baseUrl}/pointsman.v1.DeviceService/ListPlatforms`;
    const args = ["--http2-prior-knowledge", "--protocol", protocol, "-d", "{}", url];
    expect(JSON.parse(await curl(...args))).toMatchObject({ platforms: [{ name: "cisco_ios" }, { name: "linux" }] });
  });
});

describe.skipIf(!hasCurl && !inCi)("curl (skipped where it is not installed)", () => {
  const curl = async (...args: readonly string[]): Promise<{ status: number; body: Record<string, unknown> }> => {
    const { stdout } = await run("curl", ["-s", "-w", "\n%{http_code}", ...args]);
    const [body = "", status = ""] = stdout.split(/\n(?=\d+$)/);
    return { status: Number(status), body: JSON.parse(body) as Record<string, unknown> };
  };
  const json = ["-H", "content-type: application/json"];

  test("posts JSON and reads by GET, over HTTP/1.1 and HTTP/2", async () => {
    for (const version of ["--http1.1", "--http2-prior-knowledge"]) {
      const posted = await curl(
        version,
        ...json,
        "-d",
        "{}",
        `${api.baseUrl}/pointsman.v1.DeviceService/ListPlatforms`,
      );
      expect(posted).toMatchObject({ status: 200, body: { platforms: [{ name: "cisco_ios" }, { name: "linux" }] } });
      const query = `connect=v1&encoding=json&message=${encodeURIComponent('{"pageSize":1}')}`;
      const read = await curl(version, `${api.baseUrl}/pointsman.v1.JobService/ListJobs?${query}`);
      expect(read.status).toBe(200);
    }
  });

  test("learns what is wrong", async () => {
    const body = '{"job":{"device":"r1","commands":{"commands":[]}}}';
    const refused = await curl(...json, "-d", body, `${api.baseUrl}/pointsman.v1.JobService/CreateJob`);
    expect(refused).toMatchObject({ status: 400, body: { code: "invalid_argument" } });
    expect(refused.body["message"]).toContain("job.commands.commands");
  });

  test("cannot change anything by GET", async () => {
    const url = `${api.baseUrl}/pointsman.v1.CredentialService/DeleteCredential?encoding=json&message=%7B%7D`;
    const { stdout } = await run("curl", ["-s", "-o", "/dev/null", "-w", "%{http_code}", url]);
    expect(stdout).toBe("405");
  });
});
