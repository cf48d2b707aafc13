import { durationMs } from "@bufbuild/protobuf/wkt";
import { ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import {
  type BatchCreateJobsRequest,
  type Job,
  JobFilterSchema,
  JobOrder,
  type JobService,
  type JobSpec,
  JobView,
  type ListJobEventsRequest,
} from "@pointsman/sdk/v1";
import type { JobRecord, NewJob } from "../../domain/job.js";
import { StoreError } from "../../store/store.js";
import { problem } from "../../errors.js";
import { principalKey, requestIdKey, traceParentKey } from "../calls/call-context.js";
import { historyGone } from "../cursor.js";
import { type ItemErrorShape, itemError } from "../calls/item-error.js";
import { cancelJobs } from "./job-cancel.js";
import { prepareJob } from "./job-create.js";
import type { JobCreation } from "./job-wish.js";
import { readSurroundings } from "./job-surroundings.js";
import { checkLifting } from "./lifted-commands.js";
import { checkToldLogins, type DefaultHostKeyPolicy } from "./told-logins.js";
import { cancelNumbers } from "./job-enums.js";
import { eventKinds, readEvents } from "./job-events.js";
import { jobQuery } from "./job-filter.js";
import { reconcileJobs } from "./job-reconcile.js";
import { listJobTypes } from "./job-types.js";
import { resolveJob } from "./job-resolve.js";
import { retryJob, retryJobs } from "./job-retry.js";
import { jobMessage, viewFullJob, viewJob, viewJobs } from "./job-view.js";
import { type SeenJob, waitForEnd } from "./job-wait.js";
import { jobNotFound, watchJob } from "./job-watch.js";
import { watchJobs } from "./jobs-watch.js";
import { listKey, pageSize, placeNumber, readPageToken, writePageToken } from "../page-token.js";

const defaultEvents = 100;
const eventPageBytes = 4 * 1024 * 1024;

/** What the specifications of jobs that are asked for together may have, and how many are read at a time. */
const batchBytes = 64 * 1024 * 1024;
const readTogether = 20;

/** Queues work and follows it. */
export function createJobService(parts: JobCreation & DefaultHostKeyPolicy): ServiceImpl<typeof JobService> {
  const { store } = parts;
  const { jobs } = store;
  const caller = (context: HandlerContext): string => context.values.get(principalKey).name;
  return {
    async createJob({ job, requestId, waitTimeout }, context) {
      const spec = job!;
      checkRights(parts, context, spec, "job");
      const around = await readSurroundings(store, [spec]);
      const creator = caller(context);
      const scope = `${creator}/CreateJob`;
      const traceParent = context.values.get(traceParentKey);
      const wish = { spec, field: "job", creator, scope, requestId, traceParent };
      const prepared = prepareJob(parts, around, wish);
      if (waitTimeout) return await createAndWait(parts, prepared, durationMs(waitTimeout), context.signal);
      const created = await jobs.create(prepared);
      return { job: await viewJob(jobs, created.job), replayed: created.replayed };
    },

    batchCreateJobs: (request, context) => createBatch(parts, request, context),

    async getJob({ id, waitTimeout, view }, context) {
      const waitMs = waitTimeout ? durationMs(waitTimeout) : 0;
      const seen = await waitForEnd(parts, id, waitMs, context.signal);
      if (!seen) throw jobNotFound(id);
      const { job, output } = seen;
      return { job: view === JobView.BASIC ? await viewJob(jobs, job) : await viewFullJob(jobs, job, output) };
    },

    async batchGetJobs({ ids }) {
      const found: (JobRecord | undefined)[] = [];
      for (let from = 0, bytes = 0; from < ids.length; from += readTogether) {
        const some = await jobs.getMany(ids.slice(from, from + readTogether));
        bytes += some.reduce((sum, job) => sum + (job?.spec.length ?? 0), 0);
        if (bytes > batchBytes) throw problem("RESPONSE_TOO_LARGE", "the jobs are too large together; ask for fewer");
        found.push(...some);
      }
      return {
        jobs: await viewJobs(
          jobs,
          found.filter((job) => job !== undefined),
        ),
        notFound: ids.filter((_, index) => !found[index]),
      };
    },

    async listJobs({ filter, pageSize: size, pageToken, orderBy }) {
      const order = orderBy === JobOrder.ENDED ? "ended" : "created";
      const key = listKey(`ListJobs/${order}`, JobFilterSchema, filter);
      const before = readPageToken(key, 1, pageToken)?.[0];
      // A place among ends begins with the time of one.
      if (before !== undefined && order === "ended") placeNumber(before.split(" ", 1)[0] ?? "");
      const page = await jobs.list(jobQuery(filter), {
        limit: pageSize(size),
        order,
        before,
      });
      return {
        jobs: await viewJobs(jobs, page.jobs),
        nextPageToken: page.next === undefined ? "" : writePageToken(key, [page.next]),
      };
    },

    async countJobs({ filter }) {
      const counts = await jobs.count(jobQuery(filter));
      const byState = Object.fromEntries([...counts].filter(([, count]) => count > 0));
      return { byState, total: Object.values(byState).reduce((sum, count) => sum + count, 0) };
    },

    async cancelJob({ id, interruptRunning, reason }, context) {
      const outcome = await jobs.cancel(id, { interruptRunning, reason, caller: caller(context) });
      const job = await jobs.get(id);
      if (!job) throw jobNotFound(id);
      return { job: await viewJob(jobs, job), outcome: cancelNumbers[outcome] };
    },

    cancelJobs: (request, context) => cancelJobs(jobs, request, caller(context)),

    async resolveJob(request, context) {
      const { job, rerun } = await resolveJob(parts, request, context.values.get(principalKey));
      return { job: await viewJob(jobs, job), ...(rerun && { rerunJob: await viewJob(jobs, rerun) }) };
    },

    async retryJob({ id, requestId }, context) {
      const job = await jobs.get(id);
      if (!job) throw jobNotFound(id);
      const again = await retryJob(parts, job, {
        ...{ caller: context.values.get(principalKey), method: "RetryJob", requestId },
        traceParent: context.values.get(traceParentKey),
      });
      return { job: await viewJob(jobs, again.job), replayed: again.replayed };
    },

    retryJobs: (request, context) => retryJobs(parts, request, context),

    reconcileJobs: (request, context) => reconcileJobs(parts, request, context),

    deleteJob: async ({ id }) => ({ job: await viewJob(jobs, await jobs.mark(id, true)) }),

    undeleteJob: async ({ id }) => ({ job: await viewJob(jobs, await jobs.mark(id, false)) }),

    listJobTypes: (request) => listJobTypes(store, request),

    listJobEvents: (request) => listEvents(parts, request),

    watchJob: (request, context) => watchJob(parts, request, context.signal),

    watchJobs: (request, context) => watchJobs(parts, request, context.signal),
  };
}

/** What a role may not ask of a new job, whose operation and target it may. Throws PERMISSION_DENIED. */
function checkRights(parts: DefaultHostKeyPolicy, { values }: HandlerContext, spec: JobSpec, path: string): void {
  const principal = values.get(principalKey);
  checkLifting(principal, spec, path);
  if (spec.target.case === "endpoint") checkToldLogins(principal, parts, spec.target.value, `${path}.endpoint`);
}

/** Answers with the job as it is when it is final or the time is up, or as accepted where the wait is cut short. */
async function createAndWait(parts: JobCreation, job: NewJob, waitMs: number, signal: AbortSignal) {
  const { jobs } = parts.store;
  const accepted: { job?: JobRecord; replayed: boolean } = { replayed: false };
  /** Gives nothing to wait for where an earlier call made the job: that one has another id to be listened for. */
  const create = async (): Promise<SeenJob | undefined> => {
    Object.assign(accepted, await jobs.create(job));
    return accepted.replayed || !accepted.job ? undefined : { job: accepted.job };
  };
  try {
    let seen = await waitForEnd(parts, job.id, waitMs, signal, create);
    if (accepted.job && accepted.replayed) seen = await waitForEnd(parts, accepted.job.id, waitMs, signal);
    const record = seen?.job ?? accepted.job;
    return { job: record && (await viewFullJob(jobs, record, seen?.output)), replayed: accepted.replayed };
  } catch (error) {
    // The job stands when the wait is cut short or the store goes away meanwhile, and its caller must learn of it.
    if (!accepted.job || !(signal.aborted || error instanceof StoreError)) throw error;
    return { job: jobMessage(accepted.job), replayed: accepted.replayed };
  }
}

async function createBatch(
  parts: JobCreation & DefaultHostKeyPolicy,
  request: BatchCreateJobsRequest,
  context: HandlerContext,
): Promise<{ results: BatchResult[] }> {
  const { jobs } = parts.store;
  const creator = context.values.get(principalKey).name;
  const traceParent = context.values.get(traceParentKey);
  const around = await readSurroundings(parts.store, request.jobs);
  const prepare = (spec: JobSpec, index: number): NewJob | ConnectError => {
    const requestId = request.requestId === "" ? "" : `${request.requestId}#${index}`;
    const scope = `${creator}/BatchCreateJobs`;
    try {
      checkRights(parts, context, spec, `jobs[${index}]`);
      return prepareJob(parts, around, { spec, field: `jobs[${index}]`, creator, scope, requestId, traceParent });
    } catch (error) {
      if (error instanceof ConnectError) return error;
      throw error;
    }
  };
  const prepared = request.jobs.map(prepare);
  const accepted = prepared.filter((one): one is NewJob => !(one instanceof ConnectError));
  const created = (accepted.length > 0 ? await jobs.createMany(accepted) : [])[Symbol.iterator]();
  const outcomes = prepared.map((one) => (one instanceof ConnectError ? one : created.next().value!));
  const records = outcomes.flatMap((one): JobRecord[] => ("job" in one ? [one.job] : []));
  const views = (await viewJobs(jobs, records))[Symbol.iterator]();
  const requestId = context.values.get(requestIdKey);
  return {
    results: outcomes.map((one): BatchResult => {
      if ("job" in one) return { result: { case: "job", value: views.next().value! }, replayed: one.replayed };
      return { result: { case: "error", value: itemError(one, requestId) }, replayed: false };
    }),
  };
}

interface BatchResult {
  result: { case: "job"; value: Job } | { case: "error"; value: ItemErrorShape };
  replayed: boolean;
}

async function listEvents(
  parts: JobCreation,
  request: ListJobEventsRequest,
): Promise<{ events: Awaited<ReturnType<typeof readEvents>>["events"][number][]; nextPageToken: string }> {
  const { jobs } = parts.store;
  const { id, kinds } = request;
  const key = listKey(["ListJobEvents", id, ...kinds].join("/"), JobFilterSchema, undefined);
  const place = readPageToken(key, 1, request.pageToken)?.[0];
  const limit = request.pageSize === 0 ? defaultEvents : pageSize(request.pageSize);
  const from = place === undefined ? 1 : placeNumber(place);
  const bounds = { limit, maxBytes: eventPageBytes, kinds: eventKinds(kinds) };
  const piece = await readEvents(jobs, id, from, bounds);
  if (place !== undefined && from < piece.first) throw historyGone("events behind this page were removed");
  return {
    events: [...piece.events],
    nextPageToken: piece.looked < piece.last ? writePageToken(key, [String(piece.looked + 1)]) : "",
  };
}
