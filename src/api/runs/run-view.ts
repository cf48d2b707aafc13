import { create, fromBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type Run,
  type RunCounts,
  RunCountsSchema,
  RunSchema,
  RunSpecSchema,
  type RunTargetStatus,
  RunTargetStatusSchema,
} from "@pointsman/sdk/v1";
import { isFinal } from "../../domain/job-state.js";
import type { JobRecord, Waiting } from "../../domain/job.js";
import { batchCount, batchOf } from "../../domain/rollout.js";
import type { RunRecord } from "../../domain/run.js";
import { codesOf, type RunCounts as Counts, type TargetState } from "../../domain/run-state.js";
import { problem } from "../../errors.js";
import type { RunStore, Store } from "../../store/store.js";
import { stateNumbers, waitingNumbers } from "../jobs/job-enums.js";
import { errorMessage } from "../jobs/job-view.js";
import { runStateNumbers, targetStateNumbers } from "./run-enums.js";

/** RUN_NOT_FOUND. */
export async function needRun(runs: Pick<RunStore, "get">, id: string): Promise<RunRecord> {
  const run = await runs.get(id);
  if (!run) throw problem("RUN_NOT_FOUND", `no run ${id}`, { metadata: { run: id } });
  return run;
}

/** A run, as the contract says it. */
export function viewRun(run: RunRecord): Run {
  return create(RunSchema, {
    id: run.id,
    spec: fromBinary(RunSpecSchema, run.spec),
    state: runStateNumbers[run.state],
    counts: viewCounts(run.counts, run.total),
    creator: run.creator,
    createTime: timestampFromMs(run.createMs),
    ...(run.endMs !== undefined && { endTime: timestampFromMs(run.endMs) }),
    reason: run.reason,
    changedBy: run.changedBy,
    batch: run.batch,
    batches: batchCount(run.rollout, run.total),
    ...(run.nextMs !== undefined && run.state === "RUNNING" && { nextBatchTime: timestampFromMs(run.nextMs) }),
    retryOf: run.retryOf ?? "",
    retriedBy: run.retriedBy ?? "",
    schedule: run.schedule ?? "",
    ...(run.scheduledMs !== undefined && { scheduledTime: timestampFromMs(run.scheduledMs) }),
  });
}

/** Counts, as the contract says them. */
export function viewCounts(counts: Counts, total: number): RunCounts {
  return create(RunCountsSchema, {
    total,
    pending: counts.PENDING,
    started: counts.STARTED,
    succeeded: counts.SUCCEEDED,
    failed: counts.FAILED,
    cancelled: counts.CANCELLED,
    expired: counts.EXPIRED,
    indeterminate: counts.INDETERMINATE,
    untouched: counts.UNTOUCHED,
    rejected: counts.REJECTED,
  });
}

/** A target of a run with its job. */
export interface TargetView {
  readonly status: RunTargetStatus;
  readonly job?: JobRecord;
  readonly waiting?: Waiting;
}

/** Targets of a run as they are now, with their jobs as far as those are kept. */
export async function viewTargets(
  { runs, jobs }: Pick<Store, "runs" | "jobs">,
  run: RunRecord,
  indexes: readonly number[],
): Promise<readonly TargetView[]> {
  const [targets, progress, errors] = await Promise.all([
    runs.targets(run.id, indexes),
    runs.progress(run.id, indexes),
    runs.errors(run.id, indexes),
  ]);
  const ids = progress.flatMap(({ job }) => job ?? []);
  const found = new Map((await jobs.getMany(ids)).flatMap((job) => (job ? [[job.id, job] as const] : [])));
  const live = [...found.values()].filter(({ state }) => state === "QUEUED" || state === "DELAYED");
  const reasons = live.length > 0 ? await jobs.waiting(live) : [];
  const waiting = new Map(live.map(({ id }, i) => [id, reasons[i]]));
  return targets.map((target, i) => {
    const { index, state, job: jobId } = progress[i]!;
    const job = jobId === undefined ? undefined : found.get(jobId);
    const why = job && waiting.get(job.id);
    const error = target.rejection ?? errors.get(index);
    const status = create(RunTargetStatusSchema, {
      index,
      target: target.name,
      state: targetStateNumbers[state],
      batch: batchOf(run.rollout, run.total, index),
      jobId: jobId ?? "",
      ...(error && { error: { reason: error.reason, message: error.message } }),
      ...(job?.error && isFinal(job.state) && { error: errorMessage(job.error) }),
      ...(job && { jobState: stateNumbers[job.state] }),
      ...(why && { waitingReason: waitingNumbers[why.reason] }),
      ...(job?.endMs !== undefined && { endTime: timestampFromMs(job.endMs) }),
    });
    return { status, ...(job && { job }), ...(why && { waiting: why }) };
  });
}

/**
 * Indexes of targets in these states, from `from` on, at most `limit`, and where the next are to be looked for: undefined
 * when there are none.
 */
export async function targetsIn(
  { runs }: Pick<Store, "runs">,
  run: RunRecord,
  states: readonly TargetState[],
  from: number,
  limit: number,
): Promise<{ readonly indexes: readonly number[]; readonly next?: number }> {
  const codes = await runs.codes(run.id, from, run.total - from);
  const wanted = new Set(states.flatMap(codesOf));
  const indexes: number[] = [];
  for (let i = 0; i < codes.length; i++) {
    if (states.length > 0 && !wanted.has(codes.charAt(i))) continue;
    if (indexes.length === limit) return { indexes, next: from + i };
    indexes.push(from + i);
  }
  return { indexes };
}
