import { JobState } from "@pointsman/sdk/v1";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import {
  claimNext,
  type Clients,
  commandsResult,
  readSpec,
  startTestApi,
  type TestApi,
} from "../support/api-server.js";
import { eventually } from "../support/eventually.js";
import { problemOf } from "./problems.js";

let api: TestApi;
let clients: Clients;
let address = 1;
beforeAll(async () => {
  api = await startTestApi();
  clients = api.clients();
});
afterAll(() => api.close());
// The scripted worker takes whatever is next: nothing of one test may be left for another.
afterEach(() => clients.jobs.cancelJobs({ filter: { states: [JobState.QUEUED, JobState.DELAYED] } }));

const spec = () => readSpec(address++) as never;
const long = { seconds: 60n };

async function work(text: string): Promise<void> {
  const worker = await eventually(() => claimNext(api.store));
  await worker.print(1, text);
  await worker.end({ result: commandsResult({ command: "show version", outputBytes: Buffer.byteLength(text) }) });
}

test("CreateJob with wait_timeout answers when the job is final, with its outputs: one call from a shell", async () => {
  const answering = fetch(`${api.baseUrl}/pointsman.v1.JobService/CreateJob`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      job: {
        endpoint: { address: "10.9.9.9", platform: "cisco_ios", secret: { username: "ann", password: "pw" } },
        commands: { commands: [{ command: "show version" }] },
      },
      waitTimeout: "30s",
    }),
  });
  await work("hello\n");
  expect(await (await answering).json()).toMatchObject({
    job: { state: "JOB_STATE_SUCCEEDED", result: { commands: { commands: [{ output: "hello\n" }] } } },
  });
});

test("the same request again waits for the same job, and a job that is final is answered with at once", async () => {
  const request = { job: spec(), requestId: "waited-for", waitTimeout: long };
  const first = clients.jobs.createJob(request);
  const worker = await eventually(() => claimNext(api.store));
  const again = clients.jobs.createJob(request);
  await worker.end({ result: commandsResult({ command: "show version", outputBytes: 0 }) });
  const [one, other] = await Promise.all([first, again]);
  expect(one).toMatchObject({ replayed: false, job: { state: JobState.SUCCEEDED } });
  expect(other).toMatchObject({ replayed: true, job: { id: one.job!.id, state: JobState.SUCCEEDED } });
  expect((await clients.jobs.createJob(request)).job).toMatchObject({ id: one.job!.id, state: JobState.SUCCEEDED });
});

test("who waits for the end looks when the job ends, and not at what it does until then", async () => {
  const { jobs, watches } = api.store;
  const { getWithOutput } = jobs;
  let looks = 0;
  Object.assign(jobs, {
    getWithOutput: (...given: Parameters<typeof getWithOutput>) => (looks++, getWithOutput(...given)),
  });
  try {
    const answering = clients.jobs.createJob({ job: spec(), waitTimeout: long });
    const worker = await eventually(() => claimNext(api.store));
    const told: [number, boolean][] = [];
    const stop = watches.onJob(worker.holder.job, (...news) => told.push(news));
    for (const text of ["one\n", "two\n"]) await worker.print(1, text);
    await eventually(() => expect(told.at(-1)).toEqual([4, true]));
    expect(looks).toBe(0);
    await worker.end({ result: commandsResult({ command: "show version", outputBytes: 8 }) });
    expect((await answering).job?.state).toBe(JobState.SUCCEEDED);
    expect([looks, told.at(-1)]).toEqual([1, [5, false]]);
    stop();
  } finally {
    Object.assign(jobs, { getWithOutput });
  }
});

test("answers with the job as it is when the time is up", async () => {
  const { job } = await clients.jobs.createJob({ job: spec(), waitTimeout: { nanos: 50_000_000 } });
  expect(job).toMatchObject({ state: JobState.QUEUED, waitingReason: expect.any(Number) as number });
});

test("takes no wait beyond a minute or below nothing, and stores nothing then", async () => {
  const before = await clients.jobs.countJobs({});
  for (const waitTimeout of [{ seconds: 61n }, { seconds: -1n }]) {
    expect(await problemOf(clients.jobs.createJob({ job: spec(), waitTimeout }))).toMatchObject({
      ...{ code: "InvalidArgument", reason: "INVALID_REQUEST", fields: ["wait_timeout"] },
    });
  }
  expect((await clients.jobs.countJobs({})).total).toBe(before.total);
});

test("a server that stops answers whoever waits with the job as accepted", async () => {
  const own = await startTestApi();
  const answering = own.clients().jobs.createJob({ job: spec(), waitTimeout: long });
  const [queued] = await eventually(async () => {
    const { jobs } = await own.store.jobs.list({}, { limit: 1 });
    expect(jobs).toHaveLength(1);
    return jobs;
  });
  await own.close();
  const { job, replayed } = await answering;
  expect({ id: job?.id, state: job?.state, replayed }).toEqual({
    ...{ id: queued!.id, state: JobState.QUEUED, replayed: false },
  });
});
