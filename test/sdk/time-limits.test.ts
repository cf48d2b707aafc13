import { setTimeout } from "node:timers/promises";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect, it } from "vitest";
import { Pointsman } from "@pointsman/sdk";
import { JobState } from "@pointsman/sdk/v1";
import { jobId } from "./scripted-job.js";
import { startWithClient, thrownBy } from "./services.js";

// More than a timer of Node's holds, which makes a millisecond of it; the last is what people write for "no limit".
it.each([2 ** 31, 30 * 86_400_000, Infinity])("a limit of %d ms is no limit of a millisecond", async (timeoutMs) => {
  let gets = 0;
  const { client, url } = await startWithClient({
    jobs: {
      async getJob({ id }) {
        // The client is in this process: its timer of one millisecond has fired by then.
        await setTimeout(2);
        return { job: { id, state: ++gets < 3 ? JobState.RUNNING : JobState.SUCCEEDED } };
      },
    },
  });
  expect((await client.jobs.wait(jobId(1), { timeoutMs })).state).toBe(JobState.SUCCEEDED);
  expect((await client.jobs.get(jobId(1), { timeoutMs })).state).toBe(JobState.SUCCEEDED);
  const grpc = new Pointsman({ transport: createGrpcTransport({ baseUrl: url }), timeoutMs });
  expect((await grpc.jobs.get(jobId(1))).state).toBe(JobState.SUCCEEDED);
});

it("the time to run a job counts from the call on, also while a server does not answer that the job is there", async () => {
  const { client } = await startWithClient({ jobs: { createJob: () => new Promise<never>(() => undefined) } });
  const startedAt = performance.now();
  const error = await thrownBy(client.jobs.run({ device: "r1", commands: ["show clock"] }, { timeoutMs: 500 }));
  expect(error).toMatchObject({ code: "deadline_exceeded" });
  // The client's own limit would be half a minute.
  expect(performance.now() - startedAt).toBeLessThan(15_000);
});

it("a job that is not run in time is named, with the time that was given", async () => {
  const { client } = await startWithClient({
    jobs: {
      async createJob({ waitTimeout }) {
        await setTimeout(Number(waitTimeout?.nanos) / 1e6);
        return { job: { id: jobId(1), state: JobState.RUNNING } };
      },
      getJob: () => new Promise<never>(() => undefined),
    },
  });
  const error = await thrownBy(client.jobs.run({ device: "r1", commands: ["show clock"] }, { timeoutMs: 600 }));
  expect(error).toMatchObject({
    code: "deadline_exceeded",
    message: expect.stringContaining(`job ${jobId(1)} is not final after 600 ms`) as string,
  });
});
