import type { WatchJobsResponse } from "@pointsman/sdk/v1";
import { expect, test } from "vitest";
import { readSpec, startTestApi } from "../support/api-server.js";
import { until } from "./problems.js";

test("a watch of jobs in 100 zones can be gone on with from its cursor", async () => {
  const api = await startTestApi();
  try {
    const { jobs } = api.clients();
    for (let zone = 0; zone < 100; zone++) await api.store.ensureZone(`a-zone-with-a-long-name-${zone}`);
    const isSynced = ({ item }: WatchJobsResponse): boolean => item.case === "synced";
    const seen = await until((signal) => jobs.watchJobs({}, { signal }), isSynced);
    const { cursor } = seen.at(-1)!;
    expect(cursor.length).toBeGreaterThan(1_024);
    const { job } = await jobs.createJob({ job: readSpec() as never });
    const isChanged = ({ item }: WatchJobsResponse): boolean => item.case === "changed";
    const [change] = (await until((signal) => jobs.watchJobs({ cursor }, { signal }), isChanged)).slice(-1);
    expect(change!.item.value).toMatchObject({ id: job!.id });
  } finally {
    await api.close();
  }
});
