import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestApi, type TestApi } from "../support/api-server.js";
import { newJob } from "../support/jobs.js";
import { problemOf } from "./problems.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

test("BatchGetJobs refuses jobs whose answer would be too large, before it has read them all", async () => {
  const spec = new Uint8Array(4 * 1024 * 1024);
  const ids: string[] = [];
  for (let n = 0; n < 17; n++) ids.push((await api.store.jobs.create(newJob(Date.now(), { spec }))).job.id);
  const small = (await api.store.jobs.create(newJob(Date.now(), { spec: new Uint8Array() }))).job.id;
  expect(await problemOf(api.clients().jobs.batchGetJobs({ ids: [...ids, small] }))).toMatchObject({
    ...{ code: "ResourceExhausted", reason: "RESPONSE_TOO_LARGE" },
  });
  expect((await api.clients().jobs.batchGetJobs({ ids: [small] })).jobs).toHaveLength(1);
});
