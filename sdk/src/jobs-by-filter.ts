import { randomUUID } from "node:crypto";
import type { Client } from "@connectrpc/connect";
import { itemError, noResult } from "./answer.js";
import { callUnary, type CallOptions, type Connection } from "./call.js";
import type { PointsmanError } from "./errors.js";
import { jobFilter, type JobFilterInit } from "./job-filter.js";
import type { CancelJobsResult, JobFilter, JobService } from "./v1.js";

/** What cancelling can be given. */
export interface CancelOptions extends CallOptions {
  /** Also what has started. Default: only what waits. */
  readonly interruptRunning?: boolean | undefined;
  /** Why, for the history. */
  readonly reason?: string | undefined;
}

/** What cancelling by filter did, over all its calls. */
export interface CancelTotals {
  /** How many were cancelled or told to stop. */
  readonly cancelledCount: number;
  /** Their ids. */
  readonly cancelledIds: readonly string[];
  /** What became of each job that the filter met. */
  readonly results: readonly CancelJobsResult[];
}

/** What became of one of many jobs to do again: the id of the new job, or why there is none. */
export type RetryResult =
  | { readonly id: string; readonly retriedBy: string; readonly error?: undefined }
  | { readonly id: string; readonly error: PointsmanError; readonly retriedBy?: undefined };

/** What was begun for one job of unknown outcome: the id of the job that looks for its lines, or why none does. */
export type ReconcileResult =
  | { readonly id: string; readonly reconciledBy: string; readonly error?: undefined }
  | { readonly id: string; readonly error: PointsmanError; readonly reconciledBy?: undefined };

/** What retrying by filter did, over all its calls. */
export interface RetryTotals {
  /** How many are done again. */
  readonly retriedCount: number;
  /** What became of each job that the filter met. */
  readonly results: readonly RetryResult[];
}

/** Ids that a request may hold. */
const mostIds = 1000;

/** Cancels every job that the filter meets, page by page. */
export async function cancelByFilter(
  connection: Connection,
  client: Client<typeof JobService>,
  filter: JobFilterInit,
  options: CancelOptions,
): Promise<CancelTotals> {
  const { interruptRunning = false, reason = "" } = options;
  const cancelledIds: string[] = [];
  const results: CancelJobsResult[] = [];
  let cancelledCount = 0;
  await eachPage(filter, async (part, pageToken) => {
    const request = { filter: part, interruptRunning, reason, pageToken };
    const response = await callUnary(connection, options, (call) => client.cancelJobs(request, call));
    cancelledCount += response.cancelledCount;
    cancelledIds.push(...response.cancelledIds);
    results.push(...response.results);
    return response.nextPageToken;
  });
  return { cancelledCount, cancelledIds, results };
}

/** Does every ended job that the filter meets again, page by page. One request id holds for all of them. */
export async function retryByFilter(
  connection: Connection,
  client: Client<typeof JobService>,
  filter: JobFilterInit,
  options: CallOptions & { readonly requestId?: string | undefined },
): Promise<RetryTotals> {
  const { requestId = randomUUID() } = options;
  const results: RetryResult[] = [];
  let retriedCount = 0;
  await eachPage(filter, async (part, pageToken) => {
    const request = { filter: part, requestId, pageToken };
    const response = await callUnary(connection, options, (call) => client.retryJobs(request, call));
    retriedCount += response.retriedCount;
    for (const { id, result } of response.results) {
      results.push(
        result.case === "retriedBy"
          ? { id, retriedBy: result.value }
          : { id, error: itemError(result.value ?? noResult) },
      );
    }
    return response.nextPageToken;
  });
  return { retriedCount, results };
}

/** Begins to look, for every configuration of unknown outcome that the filter meets, whether its lines are there. */
export async function reconcileByFilter(
  connection: Connection,
  client: Client<typeof JobService>,
  filter: JobFilterInit,
  options: CallOptions & { readonly requestId?: string | undefined },
): Promise<readonly ReconcileResult[]> {
  const { requestId = randomUUID() } = options;
  const results: ReconcileResult[] = [];
  await eachPage(filter, async (part, pageToken) => {
    const request = { filter: part, requestId, pageToken };
    const response = await callUnary(connection, options, (call) => client.reconcileJobs(request, call));
    for (const { id, result } of response.results) {
      results.push(
        result.case === "reconciledBy"
          ? { id, reconciledBy: result.value }
          : { id, error: itemError(result.value ?? noResult) },
      );
    }
    return response.nextPageToken;
  });
  return results;
}

/** Calls `page` until there is no further page, for the filter in parts that hold no more ids than a request may. */
async function eachPage(
  init: JobFilterInit,
  page: (part: JobFilter, pageToken: string) => Promise<string>,
): Promise<void> {
  const filter = jobFilter(init);
  for (let from = 0; from === 0 || from < filter.ids.length; from += mostIds) {
    const part = jobFilter({ ...filter, ids: filter.ids.slice(from, from + mostIds) });
    let pageToken = "";
    do pageToken = await page(part, pageToken);
    while (pageToken !== "");
  }
}
