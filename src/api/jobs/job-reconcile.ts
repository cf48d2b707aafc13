import { create, fromBinary } from "@bufbuild/protobuf";
import { ConnectError, type HandlerContext } from "@connectrpc/connect";
import {
  ConfigMode,
  JobFilterSchema,
  JobSpecSchema,
  type ReconcileJobsRequest,
  type ReconcileJobsResponse,
  ReconcileJobsResponseSchema,
} from "@pointsman/sdk/v1";
import type { JobRecord } from "../../domain/job.js";
import { invalidRequest, problem } from "../../errors.js";
import { hadOwnLogins } from "../../secrets/login-codec.js";
import { StoreError } from "../../store/store.js";
import { principalKey, requestIdKey } from "../calls/call-context.js";
import { type ItemErrorShape, itemError } from "../calls/item-error.js";
import { prepareJob } from "./job-create.js";
import type { JobCreation } from "./job-wish.js";
import { isUnbounded, jobQuery } from "./job-filter.js";
import { readSurroundings } from "./job-surroundings.js";
import { listKey, maxPageSize, readPageToken, writePageToken } from "../page-token.js";

/** Jobs created at a time. */
const together = 50;

/** Looks for the lines of what a filter meets, a call's worth, by a job for each. Ids win over everything else in it. */
export async function reconcileJobs(
  parts: JobCreation,
  request: ReconcileJobsRequest,
  context: HandlerContext,
): Promise<ReconcileJobsResponse> {
  const { jobs } = parts.store;
  const query = jobQuery(request.filter);
  if (isUnbounded(query)) throw invalidRequest({ field: "filter", description: "must name at least one thing" });
  const key = listKey("ReconcileJobs", JobFilterSchema, request.filter);
  const [before] = readPageToken(key, 1, request.pageToken) ?? [];
  const page = query.ids
    ? { jobs: (await jobs.getMany(query.ids)).filter((job) => job !== undefined) }
    : await jobs.list({ ...query, states: ["INDETERMINATE"] }, { limit: maxPageSize, before });
  const { name: creator } = context.values.get(principalKey);
  const callId = context.values.get(requestIdKey);

  async function one(job: JobRecord): Promise<ReconcileResult> {
    const requestId = request.requestId === "" ? "" : `${request.requestId}#${job.id}`;
    try {
      const looking = await reconcileJob(parts, job, { creator, requestId });
      return { id: job.id, result: { case: "reconciledBy", value: looking.id } };
    } catch (error) {
      if (!(error instanceof StoreError || error instanceof ConnectError)) throw error;
      return { id: job.id, result: { case: "error", value: itemError(error, callId) } };
    }
  }

  const open = query.ids
    ? page.jobs
    : page.jobs.filter(({ type, resolution }) => type === "configure" && resolution === undefined);
  const results: ReconcileResult[] = [];
  for (let start = 0; start < open.length; start += together) {
    results.push(...(await Promise.all(open.slice(start, start + together).map(one))));
  }
  const next = "next" in page ? page.next : undefined;
  return create(ReconcileJobsResponseSchema, {
    results,
    nextPageToken: next === undefined ? "" : writePageToken(key, [next]),
  });
}

/** Begins to look for the lines of one configuration. It only reads, so the device's hold does not keep it waiting. */
async function reconcileJob(
  parts: JobCreation,
  job: JobRecord,
  by: { readonly creator: string; readonly requestId: string },
): Promise<JobRecord> {
  const { id } = job;
  if (job.type !== "configure" || job.state !== "INDETERMINATE") {
    const message = `job ${id} is no configuration whose outcome is unknown`;
    throw problem("JOB_NOT_INDETERMINATE", message, { metadata: { job: id } });
  }
  const { target } = fromBinary(JobSpecSchema, job.spec);
  if (target.case === "endpoint" && hadOwnLogins(target.value)) {
    throw problem(
      "SECRET_ERASED",
      `job ${id} came with its own login, which is erased; look for its lines by lines_of`,
    );
  }
  const spec = create(JobSpecSchema, {
    target,
    operation: { case: "configure", value: { mode: ConfigMode.RECONCILE, linesOf: id } },
  });
  const around = await readSurroundings(parts.store, [spec]);
  const { creator, requestId } = by;
  const wish = { spec, field: "job", creator, scope: `${creator}/ReconcileJobs`, requestId };
  return (await parts.store.jobs.create(prepareJob(parts, around, wish))).job;
}

interface ReconcileResult {
  id: string;
  result: { case: "reconciledBy"; value: string } | { case: "error"; value: ItemErrorShape };
}
