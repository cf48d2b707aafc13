import { create } from "@bufbuild/protobuf";
import { ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import {
  HealthStatus,
  QueueService,
  StopMode,
  StoppedJobFate,
  WatchWorkersRequestSchema,
  WorkerOrderKind,
  WorkerState,
} from "@pointsman/sdk/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { workerStateName } from "../../src/cli/terminal/format.js";
import { reasonOf } from "../../src/errors.js";
import type { BeatFigures } from "../../src/store/store.js";
import { type Clients, startTestApi, type TestApi } from "../support/api-server.js";
import { eventually } from "../support/eventually.js";
import { bury, claimOne, newJob, worker } from "../support/jobs.js";

let api: TestApi;
let clients: Clients;
beforeAll(async () => {
  api = await startTestApi();
  clients = api.clients();
});
afterAll(() => api.close());

const figures = { running: 0, sessions: 0, closing: false, draining: false, succeeded: 0, failed: 0 };
const beat = (name: string, part: Partial<BeatFigures> = {}) =>
  api.store.leases.beat(worker(name), { ...figures, ...part });

let addresses = 0;
/** A worker that runs jobs on devices of its own, one each. */
async function busyWorker(name: string, jobs: number, node = "node") {
  const identity = { ...worker(name), hostname: node, node, labels: { site: "fra" } };
  await api.store.leases.register(identity);
  const holders = [];
  for (let i = 0; i < jobs; i++) {
    const address = `10.8.${Math.floor(addresses / 250)}.${(addresses++ % 250) + 1}`;
    await api.store.jobs.create(newJob(Date.now(), { endpoint: `${address}:22`, address, device: `d${addresses}` }));
    holders.push((await claimOne(api.store, identity))!);
  }
  return { identity, holders };
}

async function refused(call: Promise<unknown>): Promise<{ reason: string | undefined; metadata: unknown }> {
  const error = ConnectError.from(
    await call.then(
      () => undefined,
      (thrown: unknown) => thrown,
    ),
  );
  return { reason: reasonOf(error), metadata: error.details };
}

describe("workers", () => {
  test("show what they tell of themselves, and what they were told", async () => {
    const { holders } = await busyWorker("shown", 1, "n1");
    const jobs = holders.map(({ job, endpoint }) => ({ id: job, endpoint, startMs: 1_000 }));
    await beat("shown", { running: 1, jobs, loopDelayMs: 12, claimAgeMs: 34_000 });
    await clients.workers.suspendWorkers({ selector: { names: ["shown"] }, reason: "works" });
    const { worker: seen } = await clients.workers.getWorker({ name: "shown" });
    expect(seen).toMatchObject({
      ...{
        name: "shown",
        state: WorkerState.SUSPENDED,
        hostname: "n1",
        node: "n1",
        labels: { site: "fra" },
        deviceCount: 1,
      },
      currentJobs: [{ id: holders[0]!.job, queue: `device/${holders[0]!.endpoint}` }],
      eventLoopDelay: { nanos: 12_000_000 },
      claimAge: { seconds: 34n },
      order: { kind: WorkerOrderKind.SUSPEND, caller: "local", reason: "works" },
    });
    await clients.workers.resumeWorkers({ selector: { nodes: ["n1"] } });
    expect((await clients.workers.getWorker({ name: "shown" })).worker?.state).toBe(WorkerState.BUSY);
  });

  test("that beat and do not claim are named by health", async () => {
    await busyWorker("deaf", 0);
    await beat("deaf", { claimAgeMs: 34_000 });
    await eventually(async () => {
      const { health } = await clients.health.check({});
      const part = health?.components.find(({ name }) => name === "workers");
      expect(part).toMatchObject({
        status: HealthStatus.DEGRADED,
        message: expect.stringMatching(/do not claim: .*deaf/),
      });
    });
    await beat("deaf", { claimAgeMs: 0 });
  });

  test("that cannot tell what the journals know are named by health, with the file", async () => {
    await busyWorker("mute", 0);
    await beat("mute", { untold: "/journals/x.journal cannot be read" });
    const message = async () =>
      (await clients.health.check({})).health?.components.find(({ name }) => name === "workers")?.message;
    await eventually(async () => expect(await message()).toContain("mute: /journals/x.journal cannot be read"));
    await beat("mute", { untold: "" });
    await eventually(async () => expect(await message()).not.toContain("mute"));
  });

  test("are given nothing from the moment they are suspended, and are told with each beat", async () => {
    const { identity } = await busyWorker("still", 0);
    await clients.workers.suspendWorkers({ selector: { names: ["still"] } });
    await api.store.jobs.create(newJob(Date.now(), { endpoint: "10.9.0.1:22", address: "10.9.0.1", device: "still1" }));
    expect(await claimOne(api.store, identity)).toBeUndefined();
    expect(await beat("still")).toMatchObject({ answer: "OK", control: { kind: "SUSPEND", caller: "local" } });
    await clients.workers.resumeWorkers({ selector: { names: ["still"] } });
    expect(await beat("still")).not.toHaveProperty("control");
    expect((await claimOne(api.store, identity))?.endpoint).toBe("10.9.0.1:22");
  });

  test("are found by name, node, host, queue and state", async () => {
    const { holders } = await busyWorker("found", 1, "n2");
    const address = holders[0]!.endpoint.replace(":22", "");
    const names = async (filter: object) => (await clients.workers.listWorkers(filter)).workers.map(({ name }) => name);
    expect(await names({ nodes: ["n2"] })).toEqual(["found"]);
    expect(await names({ hosts: [address] })).toEqual(["found"]);
    expect(await names({ hosts: ["192.0.2.7"] })).toEqual([]);
    expect(await names({ names: ["found"], states: [WorkerState.DEAD] })).toEqual([]);
    expect(await names({ names: ["found"], states: [WorkerState.IDLE] })).toEqual(["found"]);
    expect(await refused(clients.workers.listWorkers({ queues: ["none"] }))).toMatchObject({
      reason: "QUEUE_NOT_FOUND",
    });
    expect(await refused(clients.workers.listWorkers({ hosts: ["nobody"] }))).toMatchObject({
      reason: "DEVICE_NOT_FOUND",
    });
  });

  test("limits and pauses of a zone that there is not are refused: they would hold for nothing", async () => {
    const queues = createClient(QueueService, createConnectTransport({ baseUrl: api.baseUrl, httpVersion: "2" }));
    const where = { zone: "nowhere" };
    const refusedZone = { reason: "INVALID_REQUEST" };
    expect(await refused(queues.setLimit({ ...where, name: "queue/q", maxRunning: 1 }))).toMatchObject(refusedZone);
    expect(await refused(queues.pauseQueue({ ...where, name: "q" }))).toMatchObject(refusedZone);
    await queues.setLimit({ name: "queue/q", maxRunning: 1 });
    await queues.setLimit({ name: "queue/q" });
  });

  test("a queue that nobody has used can be paused beforehand, and not resumed", async () => {
    const queues = createClient(QueueService, createConnectTransport({ baseUrl: api.baseUrl, httpVersion: "2" }));
    expect(await refused(queues.resumeQueue({ name: "untold" }))).toMatchObject({ reason: "QUEUE_NOT_FOUND" });
    expect((await queues.listQueues({})).queues.map(({ name }) => name)).not.toContain("untold");
    await queues.pauseQueue({ name: "untold", reason: "vendor" });
    expect((await queues.resumeQueue({ name: "untold" })).queue).not.toHaveProperty("pause");
  });

  test("one that lives is not given up; one that died is", async () => {
    const { identity } = await busyWorker("given-up", 0);
    expect(await refused(clients.workers.forgetWorker({ name: "given-up" }))).toMatchObject({ reason: "WORKER_LIVES" });
    await bury(api.store, identity.name);
    expect(await clients.workers.forgetWorker({ name: "given-up" })).toMatchObject({ devices: 0 });
  });

  test("a name or node that is not known, and nothing at all, are refused", async () => {
    for (const selector of [{ names: ["gone"] }, { nodes: ["gone"] }]) {
      expect(await refused(clients.workers.stopWorkers({ selector }))).toMatchObject({ reason: "WORKER_NOT_FOUND" });
    }
    expect(await refused(clients.workers.getWorker({ name: "gone" }))).toMatchObject({ reason: "WORKER_NOT_FOUND" });
    expect(await refused(clients.workers.stopWorkers({ selector: {} }))).toMatchObject({ reason: "INVALID_REQUEST" });
  });

  test("are not stopped for the sake of one device unless the caller knows how many they hold", async () => {
    const { holders } = await busyWorker("many", 3);
    const selector = { hosts: [holders[0]!.endpoint.replace(":22", "")] };
    const refusal = await refused(clients.workers.stopWorkers({ selector, mode: StopMode.NOW }));
    expect(refusal.reason).toBe("TOO_MANY_DEVICES");
    const order = { selector, maxAffectedDevices: 3, validateOnly: true };
    expect(await clients.workers.stopWorkers(order)).toMatchObject({
      affectedDevices: 3,
      workers: [{ name: "many", state: WorkerState.IDLE }],
      jobs: [],
    });
    expect(await beat("many")).not.toHaveProperty("control");
  });

  test("a stop names exactly what ran, and what became of each", async () => {
    const { holders, identity } = await busyWorker("stops", 4);
    const stopping = clients.workers.stopWorkers({ selector: { names: ["stops"] }, mode: StopMode.NOW, reason: "out" });
    const [done, cut, doubt, half] = holders;
    const end = { intendedStep: 1, confirmedStep: 0, keepDevice: false } as const;
    const lost = { reason: "WORKER_LOST", message: "stopped" } as const;
    const { leases } = api.store;
    while (!(await api.store.workers.list()).some(({ name, control }) => name === "stops" && control));
    await leases.finish(done!, { ...end, verdict: "SUCCEEDED", effect: "NONE" });
    await leases.finish(cut!, { ...end, verdict: "REQUEUE", error: lost });
    await leases.finish(doubt!, { ...end, verdict: "INDETERMINATE", error: lost });
    await leases.finish(half!, { ...end, verdict: "FAILED", effect: "PARTIAL", error: lost });
    await leases.retire(identity);
    const answer = await stopping;
    const fates = new Map(answer.jobs.map((job) => [job.id, job.fate]));
    expect(fates).toEqual(
      new Map([
        [done!.job, StoppedJobFate.ENDED],
        [cut!.job, StoppedJobFate.HANDED_BACK],
        [doubt!.job, StoppedJobFate.INDETERMINATE],
        [half!.job, StoppedJobFate.FAILED],
      ]),
    );
    expect([...answer.interruptedJobs].sort()).toEqual([cut!.job, doubt!.job, half!.job].sort());
    expect(answer.jobs.filter(({ holdsDevice }) => holdsDevice).map(({ id }) => id)).toEqual([doubt!.job]);
    expect(answer.workers).toMatchObject([{ name: "stops", state: WorkerState.DEAD, order: { reason: "out" } }]);
  });

  test("a stop is neither taken back nor softened", async () => {
    const { identity } = await busyWorker("ends", 1);
    const stop = (mode: StopMode) =>
      clients.workers.stopWorkers({ selector: { names: ["ends"] }, mode, waitTimeout: { seconds: 0n } });
    expect((await stop(StopMode.NOW)).jobs).toMatchObject([{ fate: StoppedJobFate.RUNNING }]);
    expect((await stop(StopMode.DRAIN)).workers).toMatchObject([{ order: { kind: WorkerOrderKind.NOW } }]);
    for (const call of ["suspendWorkers", "resumeWorkers"] as const) {
      expect(await refused(clients.workers[call]({ selector: { names: ["ends"] } }))).toMatchObject({
        reason: "WORKER_STOPPING",
      });
    }
    await api.store.leases.retire(identity);
    expect((await stop(StopMode.NOW)).workers).toMatchObject([{ state: WorkerState.DEAD }]);
  });

  test("are followed: those there are, then each change", async () => {
    await busyWorker("seen", 0);
    const request = create(WatchWorkersRequestSchema, { filter: { names: ["seen"] } });
    const gone = new AbortController();
    const kinds: string[] = [];
    const watch = clients.workers.watchWorkers(request, { signal: gone.signal });
    await (async () => {
      for await (const { item } of watch) {
        kinds.push(item.case === "changed" ? workerStateName(item.value.state) : String(item.case));
        if (item.case === "synced") await clients.workers.suspendWorkers({ selector: { names: ["seen"] } });
        if (kinds.length === 3) gone.abort();
      }
    })().catch(() => undefined);
    expect(kinds).toEqual(["idle", "synced", "suspended"]);
  });
});
