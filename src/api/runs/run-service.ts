import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { ListRunTargetsRequestSchema, type RunFilter, RunFilterSchema, type RunService } from "@pointsman/sdk/v1";
import type { RunRecord } from "../../domain/run.js";
import { failuresIn, isRunFinal } from "../../domain/run-state.js";
import { problem } from "../../errors.js";
import type { RunQuery } from "../../store/store.js";
import { principalKey } from "../calls/call-context.js";
import type { JobCreation } from "../jobs/job-wish.js";
import { checkLifting } from "../jobs/lifted-commands.js";
import { checkToldLogins, type DefaultHostKeyPolicy } from "../jobs/told-logins.js";
import { listKey, pageSize, placeNumber, readPageToken, writePageToken } from "../page-token.js";
import { changeRun } from "./run-change.js";
import { type AcceptedRun, createRun } from "./run-create.js";
import { runStateNames, targetStateNames } from "./run-enums.js";
import { readOutputs } from "./run-outputs.js";
import { retryRun } from "./run-retry.js";
import { needRun, targetsIn, viewRun, viewTargets } from "./run-view.js";
import { watchRun } from "./run-watch.js";

/** Does one job on many targets. */
export function createRunService(parts: JobCreation & DefaultHostKeyPolicy): ServiceImpl<typeof RunService> {
  const { runs } = parts.store;
  const caller = (context: HandlerContext): string => context.values.get(principalKey).name;
  const accepted = ({ run, rejections, replayed }: AcceptedRun) => ({
    run: viewRun(run),
    rejections: rejections.map((rejection) => ({ ...rejection })),
    replayed,
  });

  return {
    async createRun({ run, requestId, validateOnly, allOrNothing }, context) {
      const creator = caller(context);
      const principal = context.values.get(principalKey);
      checkLifting(principal, run!.job, "run.job");
      run!.targets.forEach(({ target }, index) => {
        if (target.case !== "endpoint") return;
        checkToldLogins(principal, parts, target.value, `run.targets[${index}].endpoint`);
      });
      const wish = { spec: run!, creator, scope: `${creator}/CreateRun`, requestId, validateOnly, allOrNothing };
      return accepted(await createRun(parts, wish));
    },

    getRun: async ({ id }) => ({ run: viewRun(await needRun(runs, id)) }),

    async listRuns({ filter, pageSize: size, pageToken }) {
      const key = listKey("ListRuns", RunFilterSchema, filter);
      const before = readPageToken(key, 1, pageToken)?.[0];
      const page = await runs.list(runQuery(filter), {
        limit: pageSize(size),
        before,
      });
      return {
        runs: page.runs.map(viewRun),
        nextPageToken: page.next === undefined ? "" : writePageToken(key, [page.next]),
      };
    },

    async listRunTargets(request) {
      const run = await needRun(runs, request.id);
      const key = listKey("ListRunTargets", ListRunTargetsRequestSchema, { ...request, pageToken: "", pageSize: 0 });
      const from = placeNumber(readPageToken(key, 1, request.pageToken)?.[0] ?? "0");
      const states = targetStateNames(request.states);
      const { indexes, next } = await targetsIn(parts.store, run, states, from, pageSize(request.pageSize));
      const views = await viewTargets(parts.store, run, indexes);
      return {
        targets: views.map(({ status }) => status),
        nextPageToken: next === undefined ? "" : writePageToken(key, [String(next)]),
      };
    },

    async cancelRun({ id, interruptRunning, reason }, context) {
      const run = await changeRun(runs, id, (run) => {
        if (isRunFinal(run.state)) return undefined;
        const interrupt = interruptRunning || run.interrupt;
        if (run.state === "CANCELLING" && interrupt === run.interrupt) return undefined;
        return { state: "CANCELLING", reason, changedBy: caller(context), interrupt, leaveRest: true };
      });
      return { run: viewRun(run) };
    },

    async pauseRun({ id, reason }, context) {
      const run = await changeRun(runs, id, (run) => {
        if (run.state === "PAUSED") return undefined;
        if (run.state !== "RUNNING") throw ending(run);
        return { state: "PAUSED", reason, changedBy: caller(context) };
      });
      return { run: viewRun(run) };
    },

    async resumeRun({ id, reason }, context) {
      const run = await changeRun(runs, id, (run) => {
        if (run.state === "RUNNING") return undefined;
        if (run.state !== "PAUSED") throw ending(run);
        // Only of a run that paused itself is said that it goes on in spite of what failed.
        const forgiven = run.changedBy === "" ? { forgiven: failuresIn(run.counts) } : {};
        return { state: "RUNNING", reason, changedBy: caller(context), ...forgiven };
      });
      return { run: viewRun(run) };
    },

    retryRun: async (request, context) => accepted(await retryRun(parts, request, context.values.get(principalKey))),

    getRunOutputs: (request) => readOutputs(parts.store, request),

    watchRun: (request, context) => watchRun(parts, request, context.signal),
  };
}

function ending({ id, state }: RunRecord): Error {
  const message = isRunFinal(state) ? `run ${id} has ended: ${state}` : `run ${id} is about to end: ${state}`;
  return problem("RUN_FINAL", message, { metadata: { run: id } });
}

function runQuery(filter: RunFilter | undefined): RunQuery {
  if (!filter) return {};
  return {
    ids: filter.ids,
    states: runStateNames(filter.states),
    labels: filter.labels,
    creators: filter.creators,
    schedules: filter.schedules,
    ...(filter.createdAfter && { createdAfterMs: timestampMs(filter.createdAfter) }),
    ...(filter.createdBefore && { createdBeforeMs: timestampMs(filter.createdBefore) }),
  };
}
