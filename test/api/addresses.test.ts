import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Clients, readSpec, startTestApi, type TestApi } from "../support/api-server.js";
import { problemOf } from "./problems.js";

let api: TestApi;
let clients: Clients;
beforeAll(async () => {
  api = await startTestApi();
  clients = api.clients();
  await clients.credentials.createCredential({ name: "core", login: { username: "ann", password: "pw" } });
});
afterAll(() => api.close());

const device = (name: string, address: string) => ({ name, address, platform: "cisco_ios", credential: "core" });

function inline(address: string): never {
  const spec = readSpec() as { target: { value: { address: string } } };
  spec.target.value.address = address;
  return spec as never;
}

const refused = (field: string) => ({ code: "InvalidArgument", reason: "INVALID_REQUEST", fields: [field] });

describe.each([
  ["with a zone id", "fe80::1%eth0"],
  ["of IPv4 as IPv6", "::ffff:10.0.0.1"],
  ["of IPv4 as IPv6, in hexadecimal", "0:0:0:0:0:FFFF:a00:1"],
  ["as one hexadecimal number", "0x0a000001"],
  ["whose last part is hexadecimal", "10.0.0.0x1"],
  ["whose last part is hexadecimal, with a dot behind it", "10.0.0X1."],
  ["as one number", "167772161"],
  ["with parts left out", "10.1"],
  ["with octal parts", "012.0.0.1"],
])("an address %s is refused, because it is another writing of one that has its own holder", (_what, address) => {
  test("for devices", async () => {
    const create = clients.devices.createDevice({ device: device("bad", address) });
    expect(await problemOf(create)).toMatchObject(refused("device.address"));
    const batch = await clients.devices.batchCreateDevices({ devices: [device("bad", address)] }).then(
      ({ results }) => results[0]!.result,
      () => ({ case: "error" }),
    );
    expect(batch.case).toBe("error");
    await clients.devices.createDevice({ device: device("good", "good.example.net") }).catch(() => undefined);
    const updateMask = { paths: ["address"] };
    const update = clients.devices.updateDevice({ device: { name: "good", address }, updateMask });
    expect(await problemOf(update)).toMatchObject(refused("device.address"));
  });

  test("for inline endpoints", async () => {
    const create = clients.jobs.createJob({ job: inline(address) });
    expect(await problemOf(create)).toMatchObject(refused("job.endpoint.address"));
  });
});

test("a batch with one such address creates the others", async () => {
  const jobs = [inline("fe80::1%eth0"), inline("10.9.0.1")];
  const { results } = await clients.jobs.batchCreateJobs({ jobs, requestId: "batch" });
  expect(results.map(({ result }) => result.case)).toEqual(["error", "job"]);
});

test.each([
  ["10.9.0.2", "10.9.0.2:22"],
  ["2001:DB8:0::1", "[2001:db8::1]:22"],
  ["r2.Example.net.", "r2.example.net:22"],
  ["0xcafe.example", "0xcafe.example:22"],
  ["r10.dc1", "r10.dc1:22"],
  ["fe80::1", "[fe80::1]:22"],
])("the address %s is taken, and keyed as %s", async (address, endpoint) => {
  const { job } = await clients.jobs.createJob({ job: inline(address) });
  expect(job!.endpoint).toBe(endpoint);
});

test.each([
  ["2001:db8:0:0::2", ["2001:DB8::2", "[2001:db8:0::2]", "[2001:db8::2]:22", "[2001:DB8:0:0::2]:22"]],
  ["r3.Example.net.", ["r3.example.net", "R3.example.net.", "r3.example.net:22", "R3.Example.net.:22"]],
])("a job at %s is found by every writing of its address and its endpoint", async (address, writings) => {
  const { id, endpoint } = (await clients.jobs.createJob({ job: inline(address) })).job!;
  const found = async (filter: object) => (await clients.jobs.listJobs({ filter })).jobs.map((job) => job.id);
  for (const device of [address, endpoint, ...writings])
    expect(await found({ devices: [device] }), device).toEqual([id]);
  expect(await found({ queues: [`device/${endpoint}`] })).toEqual([id]);
  expect(await found({ devices: [`${endpoint}2`] })).toEqual([]);
});
