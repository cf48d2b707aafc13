import { toJson } from "@pointsman/sdk";
import {
  RunSchema,
  RunState,
  RunTargetState,
  RunTargetStatusSchema,
  type Run,
  type RunCounts,
  type RunTargetStatus,
} from "@pointsman/sdk/v1";
import { status, type Context } from "../terminal/command.js";
import { runStateName, targetStateName } from "../terminal/format.js";
import { printedLines } from "../terminal/result-lines.js";
import { table } from "../terminal/table.js";

/** Cells of a progress bar. */
const barCells = 20;
/** Targets that the summary names. */
const named = 20;

/** How a run is followed. */
export interface FollowRun {
  /** Leaves out what the targets printed. */
  readonly quiet?: boolean | undefined;
}

/**
 * Follows a run to its end: what each target printed as it ends, a line of progress for each tenth and each batch, then a
 * table. Answers with the exit status.
 */
export async function followRun(
  { client, out }: Pick<Context<unknown>, "client" | "out">,
  id: string,
  signal: AbortSignal,
  { quiet = false }: FollowRun = {},
): Promise<number> {
  const bad: RunTargetStatus[] = [];
  let run: Run | undefined;
  let told = "";
  const progress = async (counts: RunCounts | undefined): Promise<void> => {
    if (out.json || !run || !counts) return;
    const tenth = Math.floor((endedOf(counts) * 10) / Math.max(1, counts.total));
    const state = run.state === RunState.RUNNING ? "" : runStateName(run.state);
    const key = `${run.batch} ${tenth} ${state}`;
    if (key === told) return;
    told = key;
    await out.note(progressLine(run, counts, state));
  };
  const items = client.runs.watch(id, {
    signal,
    onReconnect: (cuts, error) => {
      if (cuts === 1) void out.note(`${error.message}; trying to go on from there`);
    },
  });
  for await (const item of items) {
    if (item.kind === "run") {
      run = item.run;
      if (out.json) await out.record({ run: toJson(RunSchema, run), cursor: item.cursor });
      await progress(run.counts);
    } else if (item.kind === "ended") {
      const { target, counts } = item;
      if (target.state !== RunTargetState.SUCCEEDED) bad.push(target);
      if (out.json) await out.record({ ended: toJson(RunTargetStatusSchema, target), cursor: item.cursor });
      else if (!quiet) await tellTarget({ client, out }, target, signal);
      await progress(counts);
    }
  }
  const ended = await client.runs.get(id, { signal });
  if (out.json) await out.record({ run: toJson(RunSchema, ended) });
  else await out.note(summary(ended, bad));
  return runStatus(ended);
}

/** The exit status that tells how a run ended. */
export function runStatus({ state }: Run): number {
  if (state === RunState.INDETERMINATE) return status.indeterminate;
  return state === RunState.SUCCEEDED ? status.ok : status.failed;
}

function endedOf(counts: RunCounts): number {
  return counts.total - counts.pending - counts.started;
}

function progressLine(run: Run, counts: RunCounts, state: string): string {
  const ended = endedOf(counts);
  const full = Math.floor((ended * barCells) / Math.max(1, counts.total));
  const bar = "#".repeat(full) + "-".repeat(barCells - full);
  const bad = counts.failed + counts.expired + counts.indeterminate;
  const parts = [
    `[${bar}] ${ended} of ${counts.total}`,
    ...(run.batches > 1 && run.batch > 0 ? [`batch ${run.batch} of ${run.batches}`] : []),
    ...(counts.started > 0 ? [`${counts.started} at work`] : []),
    ...(bad > 0 ? [`${bad} failed`] : []),
    ...(state === "" ? [] : [`${state}${run.reason ? `: ${run.reason}` : ""}`]),
  ];
  return parts.join(", ");
}

async function tellTarget(
  { client, out }: Pick<Context<unknown>, "client" | "out">,
  target: RunTargetStatus,
  signal: AbortSignal,
): Promise<void> {
  const name = target.target;
  if (target.jobId !== "") {
    const job = await client.jobs.get(target.jobId, { signal });
    for (const line of printedLines(job.result)) await out.raw(`${name}: ${line}\n`);
  }
  if (target.state === RunTargetState.SUCCEEDED) return;
  const why = target.error ? `: ${target.error.message} (${target.error.reason})` : "";
  await out.note(`${name}: ${targetStateName(target.state)}${why}`);
}

/** How many targets came to what, and those that did not succeed. */
export function summary(run: Run, bad: readonly RunTargetStatus[] = []): string {
  const { counts } = run;
  const lines = [`run ${run.id} ${runStateName(run.state)}${run.reason ? `: ${run.reason}` : ""}`];
  if (counts) lines.push(countsTable(counts));
  if (bad.length > 0) {
    const rows = bad
      .slice(0, named)
      .map(({ target, state, error, jobId }) => [target, targetStateName(state), error?.reason ?? "", jobId]);
    lines.push("", table(["target", "state", "why", "job"], rows));
    if (bad.length > named) lines.push(`and ${bad.length - named} more: pointsman runs targets ${run.id}`);
  }
  return lines.join("\n");
}

function countsTable(counts: RunCounts): string {
  const rows = (
    [
      "pending",
      "started",
      "succeeded",
      "failed",
      "cancelled",
      "expired",
      "indeterminate",
      "untouched",
      "rejected",
    ] as const
  ).flatMap((name) => (counts[name] > 0 ? [[name, String(counts[name])]] : []));
  return table(["state", "targets"], [...rows, ["total", String(counts.total)]]);
}
