import { create, toBinary } from "@bufbuild/protobuf";
import {
  type GetRunOutputsRequest,
  GetRunOutputsRequestSchema,
  type GetRunOutputsResponse,
  GetRunOutputsResponseSchema,
  JobResultSchema,
  type RunOutput,
  RunOutputSchema,
  RunTargetState,
} from "@pointsman/sdk/v1";
import { isFinal } from "../../domain/job-state.js";
import type { RunRecord, RunTargetRecord } from "../../domain/run.js";
import type { Store } from "../../store/store.js";
import { viewFullJob } from "../jobs/job-view.js";
import { lacksOutput } from "../jobs/printed.js";
import { listKey, pageSize, placeNumber, readPageToken, writePageToken } from "../page-token.js";
import { unifiedDiff } from "./run-diff.js";
import { targetStateNames } from "./run-enums.js";
import { keyOf } from "./run-places.js";
import { resultText } from "./run-result-text.js";
import { targetOfBytes } from "./run-target.js";
import { needRun, targetsIn, type TargetView, viewRun, viewTargets } from "./run-view.js";

/** Output on one page, unless one target alone has more. */
const pageBytes = 8 * 1024 * 1024;
/** Targets of the other run read at a time while the same target is looked for. */
const lookPage = 1_000;

type Parts = Pick<Store, "runs" | "jobs">;

/** What the targets of a run gave, as far as it is there; of the others, why it is not. */
export async function readOutputs(store: Parts, request: GetRunOutputsRequest): Promise<GetRunOutputsResponse> {
  const run = await needRun(store.runs, request.id);
  const key = listKey("GetRunOutputs", GetRunOutputsRequestSchema, { ...request, pageToken: "", pageSize: 0 });
  const from = placeNumber(readPageToken(key, 1, request.pageToken)?.[0] ?? "0");
  const page = await targetsIn(store, run, targetStateNames(request.states), from, pageSize(request.pageSize));
  const other = await comparedRun(store, run, request);
  const views = await viewTargets(store, run, page.indexes);
  const keys = other ? (await store.runs.targets(run.id, page.indexes)).map(keyIn) : [];
  const others = other ? await sameTargets(store, other, page.indexes, keys) : new Map<string, TargetView>();

  const outputs: RunOutput[] = [];
  let bytes = 0;
  let next = page.next;
  for (const [i, view] of views.entries()) {
    const output = await outputOf(store, view);
    if (other) await compare(store, output, others.get(keys[i]!));
    bytes += (output.result ? toBinary(JobResultSchema, output.result).length : 0) + output.diff.length;
    if (bytes > pageBytes && outputs.length > 0) {
      next = view.status.index;
      break;
    }
    outputs.push(output);
  }
  return create(GetRunOutputsResponseSchema, {
    outputs,
    run: viewRun(run),
    comparedWith: other?.id ?? "",
    nextPageToken: next === undefined ? "" : writePageToken(key, [String(next)]),
  });
}

async function comparedRun(
  { runs }: Parts,
  run: RunRecord,
  { compareWith }: GetRunOutputsRequest,
): Promise<RunRecord | undefined> {
  if (compareWith.case === "run") return needRun(runs, compareWith.value);
  if (compareWith.case !== "previous") return undefined;
  const before = run.schedule === undefined ? run.retryOf : await runs.before(run.schedule, run.id);
  return before === undefined ? undefined : runs.get(before);
}

/** The same targets in another run. Mostly they stand at the same places. */
async function sameTargets(
  store: Parts,
  other: RunRecord,
  indexes: readonly number[],
  keys: readonly string[],
): Promise<ReadonlyMap<string, TargetView>> {
  const wanted = new Set(keys);
  const places = new Map<string, number>();
  const look = async (at: readonly number[]): Promise<void> => {
    const targets = await store.runs.targets(other.id, at);
    targets.forEach((target, i) => {
      const key = keyIn(target);
      if (wanted.delete(key)) places.set(key, at[i]!);
    });
  };
  await look(indexes.filter((index) => index < other.total));
  for (let from = 0; from < other.total && wanted.size > 0; from += lookPage) {
    await look(Array.from({ length: Math.min(lookPage, other.total - from) }, (_, i) => from + i));
  }
  const found = await viewTargets(store, other, [...places.values()]);
  return new Map([...places.keys()].map((key, i) => [key, found[i]!]));
}

function keyIn({ name, own }: RunTargetRecord): string {
  return keyOf(targetOfBytes(name, own));
}

async function outputOf(store: Parts, view: TargetView): Promise<RunOutput> {
  const { job } = view;
  const result = job && isFinal(job.state) ? (await viewFullJob(store.jobs, job)).result : undefined;
  return create(RunOutputSchema, {
    target: view.status,
    ...(result ? { result } : { missing: whyMissing(view) }),
  });
}

async function compare(store: Parts, output: RunOutput, before: TargetView | undefined): Promise<void> {
  const { job } = before ?? {};
  const result = job && isFinal(job.state) ? (await viewFullJob(store.jobs, job)).result : undefined;
  // Without what is no longer kept, all that is there now would look new.
  if (!result || !output.result || lacksOutput(result) || lacksOutput(output.result)) return;
  output.compared = true;
  const [was, is] = [resultText(result), resultText(output.result)];
  if (was !== is) output.diff = unifiedDiff(was, is);
}

/** Why a target gave nothing, for people. */
function whyMissing({ status, job, waiting }: TargetView): string {
  if (status.error) return `${status.error.reason}: ${status.error.message}`;
  if (!job) {
    if (status.jobId === "") return "its turn has not come, or the run ended before it";
    return status.state === RunTargetState.STARTED ? "its job is not there yet" : "its job is no longer kept";
  }
  if (job.state === "RUNNING" || job.state === "CANCELLING") return "its job runs";
  if (job.state === "QUEUED" || job.state === "DELAYED") {
    const behind = waiting?.blockingJob === undefined ? "" : ` behind job ${waiting.blockingJob}`;
    return `its job waits${behind}: ${waiting?.reason ?? job.state}`;
  }
  return `its job ended ${job.state} without a result`;
}
