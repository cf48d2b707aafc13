import { create, fromBinary } from "@bufbuild/protobuf";
import { ConnectError, type HandlerContext } from "@connectrpc/connect";
import {
  JobFilterSchema,
  JobSpecSchema,
  type RetryJobsRequest,
  type RetryJobsResponse,
  RetryJobsResponseSchema,
} from "@pointsman/sdk/v1";
import { isFinal, jobStates } from "../../domain/job-state.js";
import type { JobRecord } from "../../domain/job.js";
import { invalidRequest, problem } from "../../errors.js";
import { StoreError } from "../../store/store.js";
import { type Principal, principalKey, requestIdKey, traceParentKey } from "../calls/call-context.js";
import { type ItemErrorShape, itemError } from "../calls/item-error.js";
import { prepareJob } from "./job-create.js";
import type { JobCreation } from "./job-wish.js";
import { readSurroundings } from "./job-surroundings.js";
import { hadSecret } from "./job-secret.js";
import { checkLifting } from "./lifted-commands.js";
import { isUnbounded, jobQuery } from "./job-filter.js";
import { listKey, maxPageSize, readPageToken, writePageToken } from "../page-token.js";

const finalStates = jobStates.filter(isFinal);
/** Jobs created at a time. */
const together = 50;

/**
 * Does a final job again, as a new job with the same specification. Throws JOB_NOT_FINAL while it has not ended,
 * JOB_NOT_RESOLVED while its outcome is unknown, SECRET_ERASED when it came with its own login, and DEVICE_MOVED when
 * its device is in another zone.
 */
export async function retryJob(
  parts: JobCreation,
  job: JobRecord,
  by: {
    readonly caller: Principal;
    readonly method: string;
    readonly requestId: string;
    readonly traceParent: string;
  },
): Promise<{ readonly job: JobRecord; readonly replayed: boolean }> {
  const { id } = job;
  const metadata = { job: id };
  if (!isFinal(job.state)) {
    throw problem("JOB_NOT_FINAL", `job ${id} is ${job.state}: only what has ended is done again`, { metadata });
  }
  if (job.state === "INDETERMINATE" && !job.resolution) {
    const message = `the outcome of job ${id} is unknown; say what became of it with ResolveJob first`;
    throw problem("JOB_NOT_RESOLVED", message, { metadata });
  }
  const spec = fromBinary(JobSpecSchema, job.spec);
  if (hadSecret(spec)) {
    throw problem("SECRET_ERASED", `job ${id} came with its own secrets, which are erased; create it anew`);
  }
  delete spec.startTime;
  const around = await readSurroundings(parts.store, [spec]);
  const { caller, method, requestId, traceParent } = by;
  const { name: creator } = caller;
  checkLifting(caller, spec, "job");
  const wish = { spec, field: "job", creator, scope: `${creator}/${method}`, requestId, retryOf: id, traceParent };
  const again = prepareJob(parts, around, wish);
  if (again.zone !== job.zone) {
    const message = `job ${id} ran in zone ${job.zone}, and its device is in ${again.zone} now: create it anew`;
    throw problem("DEVICE_MOVED", message, { metadata: { ...metadata, zone: again.zone } });
  }
  return parts.store.jobs.create(again);
}

/** Does one call's worth of what a filter meets again. Ids win over everything else in it. */
export async function retryJobs(
  parts: JobCreation,
  request: RetryJobsRequest,
  context: HandlerContext,
): Promise<RetryJobsResponse> {
  const { jobs } = parts.store;
  const query = jobQuery(request.filter);
  if (isUnbounded(query)) throw invalidRequest({ field: "filter", description: "must name at least one thing" });
  const key = listKey("RetryJobs", JobFilterSchema, request.filter);
  const [before] = readPageToken(key, 1, request.pageToken) ?? [];
  const states = (query.states ?? finalStates).filter(isFinal);
  const page = query.ids
    ? { jobs: (await jobs.getMany(query.ids)).filter((job) => job !== undefined) }
    : states.length > 0
      ? await jobs.list({ ...query, states }, { limit: maxPageSize, before })
      : { jobs: [] };
  const caller = context.values.get(principalKey);
  const callId = context.values.get(requestIdKey);
  const traceParent = context.values.get(traceParentKey);

  async function one(job: JobRecord): Promise<RetryResult> {
    const requestId = request.requestId === "" ? "" : `${request.requestId}#${job.id}`;
    try {
      const again = await retryJob(parts, job, { caller, method: "RetryJobs", requestId, traceParent });
      return { id: job.id, result: { case: "retriedBy", value: again.job.id } };
    } catch (error) {
      if (!(error instanceof StoreError || error instanceof ConnectError)) throw error;
      return { id: job.id, result: { case: "error", value: itemError(error, callId) } };
    }
  }

  const results: RetryResult[] = [];
  for (let start = 0; start < page.jobs.length; start += together) {
    results.push(...(await Promise.all(page.jobs.slice(start, start + together).map(one))));
  }
  const next = "next" in page ? page.next : undefined;
  return create(RetryJobsResponseSchema, {
    retriedCount: results.filter(({ result }) => result.case === "retriedBy").length,
    results,
    nextPageToken: next === undefined ? "" : writePageToken(key, [next]),
  });
}

interface RetryResult {
  id: string;
  result: { case: "retriedBy"; value: string } | { case: "error"; value: ItemErrorShape };
}
