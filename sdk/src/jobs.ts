import { randomUUID } from "node:crypto";
import { createClient } from "@connectrpc/connect";
import { itemError, noResult, present } from "./answer.js";
import { callUnary, type CallOptions, type Connection } from "./call.js";
import type { PointsmanError } from "./errors.js";
import { eventKindNumbers, type JobEventKindName } from "./event-kind.js";
import { jobFilter, type JobFilterInit } from "./job-filter.js";
import { jobSpec, type JobInput } from "./job-input.js";
import type { JobSpecInit } from "./job-spec-init.js";
import { isFinal } from "./job-state.js";
import { listJobTypes, type JobTypeFilter, type ListJobTypesOptions } from "./job-types.js";
import { waitForJob, type WaitOptions } from "./job-wait.js";
import { watchJob, type JobWatchItem, type WatchJobOptions } from "./job-watch.js";
import {
  cancelByFilter,
  reconcileByFilter,
  retryByFilter,
  type CancelOptions,
  type CancelTotals,
  type ReconcileResult,
  type RetryTotals,
} from "./jobs-by-filter.js";
import { watchJobs, type JobsWatchItem, type WatchJobsOptions } from "./jobs-watch.js";
import { createPagedList, type ListOptions, type PagedList } from "./page.js";
import {
  JobOrder,
  JobService,
  JobView,
  ResolutionKind,
  type CancelJobResponse,
  type Job,
  type JobEvent,
  type JobType,
} from "./v1.js";
import { optionalDuration } from "./time.js";

/** A job as accepted. */
export type CreatedJob = Job & {
  /** Whether an earlier call with the same request id created it. */
  readonly replayed: boolean;
};

/** What became of one of many: a job, or why it was refused. */
export type CreateManyResult =
  | { readonly job: Job; readonly replayed: boolean; readonly error?: undefined }
  | { readonly error: PointsmanError; readonly job?: undefined };

/** What creating, and doing again, can be given. */
export interface CreateOptions extends CallOptions {
  /** Makes the call safe to repeat, also by another process. Default: a new UUID, kept over the retries of this call. */
  readonly requestId?: string | undefined;
}

/** How jobs are listed. */
export interface ListJobsOptions extends CallOptions, ListOptions {
  /** Newest first by creation, or by end: then only jobs that have ended. Default "created". */
  readonly orderBy?: "created" | "ended" | undefined;
}

/** How a job's events are listed. */
export interface ListJobEventsOptions extends CallOptions, ListOptions {
  /** Only events of these kinds. Default: all. */
  readonly kinds?: readonly JobEventKindName[] | undefined;
}

/** What is said of a job whose outcome is unknown. */
export interface Verdict {
  readonly kind: "applied" | "not-applied" | "rerun";
  /** How it is known. */
  readonly reason: string;
}

/** Queues work for devices and follows it to its end. */
export interface Jobs {
  /** Accepts a job. With `waitMs`, up to a minute, answers when it is final or that time has passed. */
  create(job: JobInput | JobSpecInit, options?: CreateOptions & { readonly waitMs?: number }): Promise<CreatedJob>;
  /** Accepts many, 1,000 a call; results in the same order. One that is refused does not hinder the others. */
  createMany(jobs: readonly (JobInput | JobSpecInit)[], options?: CreateOptions): Promise<CreateManyResult[]>;
  /** Creates a job and waits for its end; `timeoutMs` is for both together. */
  run(job: JobInput | JobSpecInit, options?: CreateOptions & WaitOptions): Promise<Job>;
  /** One job. With `waitMs` answers when it is final or that time has passed. `view` defaults to "full". */
  get(id: string, options?: CallOptions & { readonly waitMs?: number; readonly view?: "basic" | "full" }): Promise<Job>;
  /** Many jobs by id, without their outputs, and the ids that are not known. */
  getMany(ids: readonly string[], options?: CallOptions): Promise<{ jobs: Job[]; notFound: string[] }>;
  /** Jobs, newest first, without their outputs. */
  list(filter?: JobFilterInit, options?: ListJobsOptions): PagedList<Job>;
  /** How many, in all and by state ("QUEUED", …). */
  count(filter?: JobFilterInit, options?: CallOptions): Promise<{ total: number; byState: Record<string, number> }>;
  /** Cancels one. The answer says what became of it. */
  cancel(id: string, options?: CancelOptions): Promise<CancelJobResponse>;
  /** Cancels every job that the filter meets, however many; the filter must not be empty. */
  cancelMany(filter: JobFilterInit, options?: CancelOptions): Promise<CancelTotals>;
  /** Says what became of an INDETERMINATE job, once, and lifts its device's hold. */
  resolve(id: string, verdict: Verdict, options?: CallOptions): Promise<{ job: Job; rerunJob: Job | undefined }>;
  /** Does an ended job again, as a new job with the same specification; each names the other. */
  retry(id: string, options?: CreateOptions): Promise<CreatedJob>;
  /** Does every ended job that the filter meets again, however many; the filter must not be empty. */
  retryMany(filter: JobFilterInit, options?: CreateOptions): Promise<RetryTotals>;
  /**
   * Begins to look, for every configuration of unknown outcome that the filter meets, whether its lines are on the device:
   * by a read-only job for each, whose result tells. Resolves nothing.
   */
  reconcileMany(filter: JobFilterInit, options?: CreateOptions): Promise<readonly ReconcileResult[]>;
  /** Marks an ended job as deleted: lists leave it out unless `showDeleted` is set. It stays readable by its id. */
  delete(id: string, options?: CallOptions): Promise<Job>;
  /** Takes the mark away. */
  undelete(id: string, options?: CallOptions): Promise<Job>;
  /** The types of tasks that workers have loaded, with their schemas and the workers that serve them. */
  listTypes(filter?: JobTypeFilter, options?: ListJobTypesOptions): PagedList<JobType>;
  /** A job's events so far, oldest first. */
  events(id: string, options?: ListJobEventsOptions): PagedList<JobEvent>;
  /** Follows one job to its end. */
  watch(id: string, options?: WatchJobOptions): AsyncGenerator<JobWatchItem, void, undefined>;
  /** Follows every job that a filter meets. */
  watchMany(filter?: JobFilterInit, options?: WatchJobsOptions): AsyncGenerator<JobsWatchItem, void, undefined>;
  /** Waits for the end of a job and answers with all of it, however it ended. */
  wait(job: string | Job, options?: WaitOptions): Promise<Job>;
}

const batchSize = 1000;
const longestWaitMs = 60_000;
/** How long creating also waits for the end: what is done by then costs one call, and what is not is asked for again. */
const shortWaitMs = 1_000;

/** Makes the jobs' part of a client. */
export function createJobs(connection: Connection): Jobs {
  const client = createClient(JobService, connection.transport);

  /** The options of a call that waits at the service first, which comes on top of the time that it may take. */
  const patient = (options: CallOptions, waitMs: number): CallOptions => {
    const timeoutMs = options.timeoutMs ?? connection.timeoutMs;
    return { ...options, timeoutMs: timeoutMs === 0 ? 0 : timeoutMs + waitMs };
  };
  const waitTimeout = (waitMs: number) => optionalDuration("waitTimeout", waitMs > 0 ? waitMs : undefined);

  const create: Jobs["create"] = async (job, options = {}) => {
    const waitMs = Math.min(options.waitMs ?? 0, longestWaitMs);
    const request = { job: jobSpec(job), requestId: options.requestId ?? randomUUID(), ...waitTimeout(waitMs) };
    const response = await callUnary(connection, patient(options, waitMs), (call) => client.createJob(request, call));
    return Object.assign(present(response.job), { replayed: response.replayed });
  };

  const get: Jobs["get"] = async (id, options = {}) => {
    const view = options.view === "basic" ? JobView.BASIC : JobView.FULL;
    const until = performance.now() + (options.waitMs ?? 0);
    for (;;) {
      const left = Math.min(Math.max(0, until - performance.now()), longestWaitMs);
      const response = await callUnary(connection, patient(options, left), (call) =>
        client.getJob({ id, view, ...waitTimeout(left) }, call),
      );
      const job = present(response.job);
      if (isFinal(job.state) || performance.now() >= until) return job;
    }
  };

  return {
    create,
    get,
    async createMany(jobs, options = {}) {
      const requestId = options.requestId ?? randomUUID();
      const results: CreateManyResult[] = [];
      for (let from = 0; from < jobs.length; from += batchSize) {
        const request = {
          jobs: jobs.slice(from, from + batchSize).map((job) => jobSpec(job)),
          requestId: from === 0 ? requestId : `${requestId}/${from}`,
        };
        const response = await callUnary(connection, options, (call) => client.batchCreateJobs(request, call));
        for (const { result, replayed } of response.results) {
          results.push(
            result.case === "job" ? { job: result.value, replayed } : { error: itemError(result.value ?? noResult) },
          );
        }
      }
      return results;
    },
    async run(job, options = {}) {
      const { timeoutMs = Infinity, ...rest } = options;
      const startedAt = performance.now();
      // Half of the time at most: an answer that comes as the time is over tells nobody which job it was.
      const waitMs = Math.min(shortWaitMs, timeoutMs / 2);
      const callMs = Math.max(1, Math.min(connection.timeoutMs || Infinity, timeoutMs - waitMs));
      const created = await create(job, { ...rest, waitMs, timeoutMs: callMs });
      // Of a job that was there before, a server that does not know how to wait gives no outputs.
      if (isFinal(created.state) && !created.replayed) return created;
      const spentMs = performance.now() - startedAt;
      return await waitForJob(connection, created.id, get, { ...rest, timeoutMs, spentMs, answered: true });
    },
    async getMany(ids, options = {}) {
      const jobs: Job[] = [];
      const notFound: string[] = [];
      for (let from = 0; from < ids.length; from += batchSize) {
        const request = { ids: ids.slice(from, from + batchSize) };
        const response = await callUnary(connection, options, (call) => client.batchGetJobs(request, call));
        jobs.push(...response.jobs);
        notFound.push(...response.notFound);
      }
      return { jobs, notFound };
    },
    list(filter = {}, options = {}) {
      const orderBy = orders[options.orderBy ?? "created"];
      return createPagedList(async (pageToken) => {
        const request = { filter: jobFilter(filter), pageSize: options.pageSize ?? 0, pageToken, orderBy };
        const response = await callUnary(connection, options, (call) => client.listJobs(request, call));
        return { items: response.jobs, nextPageToken: response.nextPageToken };
      }, options.pageToken);
    },
    async count(filter = {}, options = {}) {
      const response = await callUnary(connection, options, (call) =>
        client.countJobs({ filter: jobFilter(filter) }, call),
      );
      return { total: response.total, byState: response.byState };
    },
    cancel(id, options = {}) {
      const request = { id, interruptRunning: options.interruptRunning ?? false, reason: options.reason ?? "" };
      return callUnary(connection, options, (call) => client.cancelJob(request, call));
    },
    cancelMany: (filter, options = {}) => cancelByFilter(connection, client, filter, options),
    async resolve(id, verdict, options = {}) {
      const request = { id, kind: kinds[verdict.kind], reason: verdict.reason };
      const response = await callUnary(connection, options, (call) => client.resolveJob(request, call));
      return { job: present(response.job), rerunJob: response.rerunJob };
    },
    async retry(id, options = {}) {
      const request = { id, requestId: options.requestId ?? randomUUID() };
      const response = await callUnary(connection, options, (call) => client.retryJob(request, call));
      return Object.assign(present(response.job), { replayed: response.replayed });
    },
    retryMany: (filter, options = {}) => retryByFilter(connection, client, filter, options),
    reconcileMany: (filter, options = {}) => reconcileByFilter(connection, client, filter, options),
    async delete(id, options = {}) {
      return present((await callUnary(connection, options, (call) => client.deleteJob({ id }, call))).job);
    },
    async undelete(id, options = {}) {
      return present((await callUnary(connection, options, (call) => client.undeleteJob({ id }, call))).job);
    },
    listTypes: (filter = {}, options = {}) => listJobTypes(connection, client, filter, options),
    events(id, options = {}) {
      const kinds = eventKindNumbers(options.kinds);
      return createPagedList(async (pageToken) => {
        const request = { id, pageSize: options.pageSize ?? 0, pageToken, kinds };
        const response = await callUnary(connection, options, (call) => client.listJobEvents(request, call));
        return { items: response.events, nextPageToken: response.nextPageToken };
      }, options.pageToken);
    },
    watch: (id, options) => watchJob(connection, id, options),
    watchMany: (filter, options) => watchJobs(connection, filter, options),
    wait: (job, options = {}) =>
      waitForJob(connection, typeof job === "string" ? job : job.id, get, { ...options, answered: false }),
  };
}

const kinds = {
  applied: ResolutionKind.APPLIED,
  "not-applied": ResolutionKind.NOT_APPLIED,
  rerun: ResolutionKind.RERUN,
} as const;

const orders = { created: JobOrder.CREATED, ended: JobOrder.ENDED } as const;
