import { HealthStatus, HostKeyPolicy, WorkerState } from "@pointsman/sdk/v1";
import { createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Health } from "../../src/api/gen/grpc/health/v1/health_pb.js";
import { credentialPlace, decodeLogin } from "../../src/secrets/login-codec.js";
import { worker } from "../support/jobs.js";
import { type Clients, readSpec, startTestApi, type TestApi, transports } from "../support/api-server.js";
import { eventually } from "../support/eventually.js";
import { problemOf, until } from "./problems.js";

const blob = Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from("ssh-ed25519"), Buffer.alloc(36, 7)]);
const key = `ssh-ed25519 ${blob.toString("base64")}`;
const otherKey = `ssh-ed25519 ${Buffer.concat([blob.subarray(0, -1), Buffer.of(9)]).toString("base64")}`;

let api: TestApi;
let clients: Clients;
beforeAll(async () => {
  api = await startTestApi();
  clients = api.clients();
  await clients.credentials.createCredential({ name: "core", login: { username: "ann", password: "pw" } });
});
afterAll(() => api.close());

const device = (name: string, part: object = {}) => ({
  ...{ name, address: `${name}.example.net`, platform: "cisco_ios", credential: "core" },
  ...part,
});

describe("devices", () => {
  test("are stored with defaults, and answered with who holds them", async () => {
    const created = await clients.devices.createDevice({ device: device("d1", { labels: { site: "zrh" } }) });
    expect(created.device).toMatchObject({
      ...{ port: 22, zone: "default", endpoint: "d1.example.net:22", labels: { site: "zrh" } },
      hostKeyPolicy: HostKeyPolicy.STRICT,
    });
    const spec = { ...readSpec(), target: { case: "device", value: "d1" } };
    const { job } = await clients.jobs.createJob({ job: spec as never });
    const got = await clients.devices.getDevice({ name: "d1" });
    expect(got.device!.status).toMatchObject({ waitingReads: 1, waitingChanges: 0 });
    expect(await problemOf(clients.devices.deleteDevice({ name: "d1" }))).toMatchObject({
      ...{ code: "FailedPrecondition", reason: "DEVICE_HAS_LIVE_JOBS" },
    });
    await clients.jobs.cancelJob({ id: job!.id });
    await clients.devices.deleteDevice({ name: "d1" });
    expect(await problemOf(clients.devices.getDevice({ name: "d1" }))).toMatchObject({ reason: "DEVICE_NOT_FOUND" });
  });

  test.each([
    ["a taken name", { name: "d2", address: "10.0.0.77" }, "AlreadyExists", "DEVICE_EXISTS"],
    [
      "a taken endpoint under another name",
      { name: "d3", address: "D2.example.NET" },
      "AlreadyExists",
      "ENDPOINT_TAKEN",
    ],
    ["an unknown credential", { name: "d3", credential: "nobody" }, "NotFound", "CREDENTIAL_NOT_FOUND"],
    ["an unknown platform", { name: "d3", platform: "vax" }, "InvalidArgument", "UNKNOWN_PLATFORM"],
    ["a host key that is none", { name: "d3", hostKeys: ["ssh-ed25519 AAAA"] }, "InvalidArgument", "INVALID_REQUEST"],
  ])("%s is refused", async (_what, part, code, reason) => {
    await clients.devices.createDevice({ device: device("d2") }).catch(() => undefined);
    expect(await problemOf(clients.devices.createDevice({ device: device("d3", part) }))).toMatchObject({
      code,
      reason,
    });
  });

  test("a device that brings what only the service says is refused, by name; one that was read can be sent back", async () => {
    const given = { createTime: { seconds: 1n }, updateTime: { seconds: 1n }, endpoint: "x:1", status: {} };
    const path = { createTime: "create_time", updateTime: "update_time", endpoint: "endpoint", status: "status" };
    for (const [name, value] of Object.entries(given)) {
      const field = path[name as keyof typeof path];
      const one = device("o1", { [name]: value });
      expect(await problemOf(clients.devices.createDevice({ device: one }))).toMatchObject({
        ...{ code: "InvalidArgument", reason: "INVALID_REQUEST", fields: [`device.${field}`] },
      });
      const { results } = await clients.devices.batchCreateDevices({ devices: [device("o2"), one] });
      expect(results[1]!.result).toMatchObject({ case: "error", value: { reason: "INVALID_REQUEST" } });
      expect((results[1]!.result.value as { message: string }).message).toContain(`devices[1].${field}`);
      if (results[0]!.result.case === "device") await clients.devices.deleteDevice({ name: "o2" });
    }
    await clients.devices.createDevice({ device: device("o1") });
    const read = (await clients.devices.getDevice({ name: "o1" })).device!;
    expect((await clients.devices.updateDevice({ device: read })).device!.endpoint).toBe("o1.example.net:22");
  });

  test("a refused device does not touch the host keys of the one that has its address", async () => {
    await clients.devices.createDevice({ device: device("k1", { hostKeys: [key] }) });
    const thief = device("k2", { address: "k1.example.net", hostKeys: [otherKey] });
    await problemOf(clients.devices.createDevice({ device: thief }));
    expect((await clients.devices.getDevice({ name: "k1" })).device!.hostKeys).toEqual([key]);
    const accepted = await clients.devices.acceptHostKey({ name: "k1", hostKey: otherKey });
    expect(accepted.device!.hostKeys).toEqual([otherKey]);
    expect(await problemOf(clients.devices.acceptHostKey({ name: "k1", hostKey: "ssh-rsa AAAA" }))).toMatchObject({
      ...{ reason: "INVALID_REQUEST", fields: ["host_key"] },
    });
  });

  test("an update changes what its mask names and nothing else", async () => {
    const labels = { site: "gva" };
    await clients.devices.createDevice({ device: device("u1", { labels, port: 2222, hostKeys: [key] }) });
    const update = (paths: string[], part: object) =>
      clients.devices.updateDevice({ device: { name: "u1", ...part } as never, updateMask: { paths } });
    const moved = await update(["address"], { address: "10.0.7.1" });
    expect(moved.device).toMatchObject({ endpoint: "10.0.7.1:2222", labels, platform: "cisco_ios" });
    expect((await update(["labels"], {})).device!.labels).toEqual({});
    expect(await problemOf(update(["nonsense", "labels"], {}))).toMatchObject({
      ...{ reason: "INVALID_REQUEST", fields: ["update_mask.paths[0]"] },
    });
    expect(await problemOf(update(["create_time"], {}))).toMatchObject({ reason: "INVALID_REQUEST" });
    const whole = await clients.devices.updateDevice({ device: device("u1") });
    expect(whole.device).toMatchObject({ port: 22, endpoint: "u1.example.net:22" });
  });

  test("a list pages by name and meets filters, a batch says what became of each", async () => {
    const devices = Array.from({ length: 25 }, (_, i) =>
      device(`p${String(i).padStart(2, "0")}`, { labels: { run: "list", odd: String(i % 2) } }),
    );
    const { results } = await clients.devices.batchCreateDevices({ devices: [...devices, devices[0]!] });
    expect(results.filter(({ result }) => result.case === "device")).toHaveLength(25);
    expect(results.at(-1)!.result.value).toMatchObject({ code: "already_exists", reason: "DEVICE_EXISTS" });
    const names: string[] = [];
    let pageToken = "";
    do {
      const filter = { labels: { run: "list", odd: "1" } };
      const page = await clients.devices.listDevices({ filter, pageSize: 5, pageToken });
      names.push(...page.devices.map(({ name }) => name));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(names).toEqual(devices.flatMap(({ name }, i) => (i % 2 ? [name] : [])));
    const some = await clients.devices.listDevices({ filter: { names: ["p03", "nobody", "p01"] } });
    expect(some.devices.map(({ name }) => name)).toEqual(["p01", "p03"]);
  });

  test("platforms come from the catalogue", async () => {
    const { platforms } = await clients.devices.listPlatforms({});
    expect(platforms.map(({ name, channel }) => [name, channel])).toEqual([
      ["cisco_ios", "shell"],
      ["linux", "exec"],
    ]);
  });
});

describe("credentials", () => {
  test("go in and never out: answers say which secrets there are, the store has them sealed for their name", async () => {
    const login = { username: "bob", password: "hunter2", enableSecret: "en4ble" };
    const { credential } = await clients.credentials.createCredential({ name: "edge", login });
    expect(credential).toMatchObject({
      username: "bob",
      hasPassword: true,
      hasPrivateKey: false,
      hasEnableSecret: true,
    });
    const stored = (await api.store.credentials.get("edge"))!;
    expect(decodeLogin(api.sealer.open(stored.sealed, credentialPlace("edge")))).toMatchObject(login);
    expect(() => api.sealer.open(stored.sealed, credentialPlace("core"))).toThrow();
    const updated = await clients.credentials.updateCredential({ name: "edge", login: { username: "eve" } });
    expect(updated.credential).toMatchObject({ username: "eve", hasPassword: false, version: 2 });
    expect((await clients.credentials.listCredentials({ pageSize: 1 })).nextPageToken).not.toBe("");
  });

  test("in use cannot be deleted, unknown ones cannot be changed", async () => {
    await clients.devices.createDevice({ device: device("c1") });
    expect(await problemOf(clients.credentials.deleteCredential({ name: "core" }))).toMatchObject({
      ...{ code: "FailedPrecondition", reason: "CREDENTIAL_IN_USE" },
    });
    const login = { username: "x" };
    expect(await problemOf(clients.credentials.updateCredential({ name: "none", login }))).toMatchObject({
      reason: "CREDENTIAL_NOT_FOUND",
    });
    expect(await problemOf(clients.credentials.createCredential({ name: "core", login }))).toMatchObject({
      reason: "CREDENTIAL_EXISTS",
    });
  });
});

describe("workers and health", () => {
  test("a worker of two zones is one worker", async () => {
    for (const zone of ["default", "lab"]) {
      await api.store.ensureZone(zone);
      await api.store.leases.register(worker("w1", zone));
    }
    const { workers } = await clients.workers.listWorkers({ names: ["w1"] });
    expect(workers).toMatchObject([{ name: "w1", zones: ["default", "lab"], state: WorkerState.IDLE, capacity: 10 }]);
    expect((await clients.workers.listWorkers({ states: [WorkerState.DEAD] })).workers).toEqual([]);
  });

  test("health says what works, and hears of the first worker", async () => {
    const own = await startTestApi();
    try {
      const { health } = own.clients();
      // It looks again and again, and may find that a busy machine kept it waiting.
      const before = await eventually(async () => {
        const seen = (await health.check({})).health!;
        expect(seen).toMatchObject({ status: HealthStatus.DEGRADED, version: "1.2.3" });
        return seen;
      });
      expect(before.components.map(({ name }) => name)).toEqual([
        "api",
        "redis",
        "workers",
        "queues",
        "schedules",
        "zones",
        "holds",
      ]);
      await eventually(async () => expect((await fetch(`${own.baseUrl}/readyz`)).status).toBe(200));
      const watching = until(
        (signal) => health.watch({}, { signal }),
        (answer) => answer.health!.status === HealthStatus.SERVING,
      );
      await own.store.leases.register(worker("w"));
      expect((await watching).at(-1)!.health!.components[2]!.figures["alive"]).toBe(1n);
    } finally {
      await own.close();
    }
  });

  test("grpc.health knows each service, and says NOT_SERVING before the server goes", async () => {
    const own = await startTestApi();
    const standard = createClient(Health, transports(own.baseUrl)["gRPC over HTTP/2"]!);
    await eventually(async () => expect((await standard.check({ service: "pointsman.v1.JobService" })).status).toBe(1));
    expect(Object.keys((await standard.list({})).statuses)).toContain("pointsman.v1.DeviceService");
    expect(await problemOf(standard.check({ service: "nobody" }))).toMatchObject({ code: "NotFound" });
    const open = (signal: AbortSignal) => standard.watch({ service: "nobody" }, { signal });
    expect((await until(open, () => true))[0]!.status).toBe(3);
    const seen: number[] = [];
    const watching = (async () => {
      for await (const { status } of standard.watch({})) seen.push(status);
    })();
    await eventually(() => expect(seen.at(-1)).toBe(1));
    const ended = problemOf(watching);
    await own.server.close(60_000);
    expect(await ended).toMatchObject({ reason: "SHUTTING_DOWN" });
    await own.at.close();
  });
});
