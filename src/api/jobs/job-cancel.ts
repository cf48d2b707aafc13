import { type CancelJobsRequest, type CancelJobsResponse, CancelJobsResponseSchema } from "@pointsman/sdk/v1";
import { create } from "@bufbuild/protobuf";
import { JobFilterSchema } from "@pointsman/sdk/v1";
import { isFinal, jobStates } from "../../domain/job-state.js";
import { invalidRequest } from "../../errors.js";
import { type CancelOutcome, type JobStore, StoreError } from "../../store/store.js";
import { cancelNumbers } from "./job-enums.js";
import { isUnbounded, jobQuery } from "./job-filter.js";
import { listKey, maxPageSize, readPageToken, writePageToken } from "../page-token.js";

const liveStates = jobStates.filter((state) => !isFinal(state));
/** Cancels sent to the store at a time. */
const together = 50;

/** Cancels one call's worth of what a filter meets. Ids win over everything else in it. */
export async function cancelJobs(
  jobs: JobStore,
  request: CancelJobsRequest,
  caller: string,
): Promise<CancelJobsResponse> {
  const query = jobQuery(request.filter);
  if (isUnbounded(query)) throw invalidRequest({ field: "filter", description: "must name at least one thing" });
  const key = listKey("CancelJobs", JobFilterSchema, request.filter);
  const place = readPageToken(key, 1, request.pageToken);
  let ids: readonly string[];
  let next: string | undefined;
  if (query.ids) {
    ids = query.ids;
  } else {
    // Newest first and never upwards: what is created after the first call is out of its reach. Where it begins no clock
    // says: that of the server which accepted a job may be ahead of ours.
    const [before] = place ?? [];
    const states = (query.states ?? liveStates).filter((state) => !isFinal(state));
    const page =
      states.length > 0 ? await jobs.list({ ...query, states }, { limit: maxPageSize, before }) : { jobs: [] };
    ids = page.jobs.map((job) => job.id);
    next = page.next;
  }
  const how = { interruptRunning: request.interruptRunning, caller, reason: request.reason };
  const outcomes: Awaited<ReturnType<typeof cancelKnown>>[] = [];
  for (let start = 0; start < ids.length; start += together) {
    const part = ids.slice(start, start + together);
    outcomes.push(...(await Promise.all(part.map((id) => cancelKnown(jobs, id, how)))));
  }
  const met = ids.flatMap((id, index) => {
    const outcome = outcomes[index];
    return outcome ? [{ id, outcome }] : [];
  });
  const cancelled = met.filter(({ outcome }) => outcome === "CANCELLED" || outcome === "CANCELLING");
  return create(CancelJobsResponseSchema, {
    cancelledCount: cancelled.length,
    cancelledIds: cancelled.map(({ id }) => id),
    results: met.map(({ id, outcome }) => ({ id, outcome: cancelNumbers[outcome] })),
    nextPageToken: next === undefined ? "" : writePageToken(key, [next]),
  });
}

async function cancelKnown(
  jobs: JobStore,
  id: string,
  how: Parameters<JobStore["cancel"]>[1],
): Promise<CancelOutcome | "RECONCILING" | undefined> {
  try {
    return await jobs.cancel(id, how);
  } catch (error) {
    if (error instanceof StoreError && error.reason === "JOB_NOT_FOUND") return undefined;
    // It alone is left: what became of the others is told.
    if (error instanceof StoreError && error.reason === "STORE_RECONCILING") return "RECONCILING";
    throw error;
  }
}
