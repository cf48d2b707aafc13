import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { HealthService, JobService, JobState, RunService, WorkerService } from "@pointsman/sdk/v1";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { parseApiKey } from "../../src/api/calls/api-keys.js";
import { ServerReflection } from "../../src/api/gen/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as Alpha } from "../../src/api/gen/grpc/reflection/v1alpha/reflection_pb.js";
import type { Role } from "../../src/store/store.js";
import { systemClock } from "../../src/system/clock.js";
import { readSpec, startTestApi, type TestApi } from "../support/api-server.js";
import { contractServices } from "../support/contract-services.js";
import { eventually } from "../support/eventually.js";
import { problemOf } from "./problems.js";

let api: TestApi;
let job: string;
let run: string;
let key: string;
beforeAll(async () => {
  // It believes in a key, and looks for it again, for a hundredth of the five seconds.
  const clock = {
    ...systemClock,
    monotonic: () => systemClock.monotonic() * 100,
    timer: (ms: number, ring: () => void) => systemClock.timer(ms === 5_000 ? 50 : ms, ring),
  };
  api = await startTestApi({ withKey: true, clock });
});
afterAll(() => api.close());
beforeEach(async () => {
  key = await api.key("operator");
  const target = readSpec() as { target: never; operation: never };
  job = (await clientOf(JobService).createJob({ job: target })).job!.id;
  const { target: at, operation } = target;
  run = (await clientOf(RunService).createRun({ run: { targets: [{ target: at }], job: { operation } } })).run!.id;
});

function clientOf<S extends DescService>(service: S): Client<S> {
  const withKey = (next: (request: never) => Promise<never>) => (request: never) => {
    (request as { header: Headers }).header.set("x-api-key", key);
    return next(request);
  };
  return createClient(service, createGrpcTransport({ baseUrl: api.baseUrl, interceptors: [withKey as never] }));
}

const revoke = (): Promise<unknown> => api.store.apiKeys.remove(parseApiKey(key)!.id);
async function lower(role: Role): Promise<void> {
  const known = (await api.store.apiKeys.get(parseApiKey(key)!.id))!;
  await api.store.apiKeys.create({ ...known, role });
}
/** One question, and nothing behind it, on a stream that stays open. */
async function* question(): AsyncGenerator<object> {
  yield { messageRequest: { case: "listServices", value: "" } };
  await new Promise(() => undefined);
}

const streams: Record<string, () => AsyncIterable<unknown>> = {
  "pointsman.v1.JobService/WatchJob": () => clientOf(JobService).watchJob({ id: job }),
  "pointsman.v1.JobService/WatchJobs": () => clientOf(JobService).watchJobs({}),
  "pointsman.v1.RunService/WatchRun": () => clientOf(RunService).watchRun({ id: run }),
  "pointsman.v1.WorkerService/WatchWorkers": () => clientOf(WorkerService).watchWorkers({}),
  "pointsman.v1.HealthService/Watch": () => clientOf(HealthService).watch({}),
  "grpc.reflection.v1.ServerReflection/ServerReflectionInfo": () =>
    clientOf(ServerReflection).serverReflectionInfo(question() as never),
  "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": () =>
    clientOf(Alpha).serverReflectionInfo(question() as never),
};

test("every stream that needs a key is looked at here", () => {
  const services = [...contractServices, ServerReflection, Alpha];
  const methods = services.flatMap((service) => service.methods);
  const names = methods.filter((one) => one.methodKind !== "unary").map((one) => `${one.parent.typeName}/${one.name}`);
  expect(Object.keys(streams).sort()).toEqual(names.sort());
});

test.each(Object.entries(streams))("%s ends with UNAUTHENTICATED when its key is revoked", async (_name, open) => {
  let seen = 0;
  const ended = (async () => {
    for await (const _ of open()) seen++;
  })();
  await Promise.race([ended, eventually(() => expect(seen).toBeGreaterThan(0))]);
  await revoke();
  expect(await problemOf(ended)).toMatchObject({ code: "Unauthenticated", reason: "UNAUTHENTICATED" });
});

test("who waits for a job by GetJob is told that the key is not known any more", async () => {
  const waiting = clientOf(JobService).getJob({ id: job, waitTimeout: { seconds: 60n } });
  await revoke();
  expect(await problemOf(waiting)).toMatchObject({ reason: "UNAUTHENTICATED" });
});

test.each([
  ["the key is revoked", () => revoke()],
  ["the key becomes one of a reader", () => lower("reader")],
] as const)("a CreateJob that waits while %s answers with the job as accepted, which stands", async (_what, act) => {
  const before = await api.store.jobs.count({});
  const waiting = clientOf(JobService).createJob({ job: readSpec(77) as never, waitTimeout: { seconds: 60n } });
  await eventually(async () => expect((await api.store.jobs.count({})).get("QUEUED")).toBe(before.get("QUEUED")! + 1));
  await act();
  const { job: accepted } = await waiting;
  expect(accepted).toMatchObject({ state: JobState.QUEUED });
  expect(await api.store.jobs.get(accepted!.id)).toMatchObject({ state: "QUEUED" });
  expect((await problemOf(clientOf(JobService).createJob({ job: readSpec(78) as never }))).reason).toMatch(
    /^(UNAUTHENTICATED|PERMISSION_DENIED)$/,
  );
});
