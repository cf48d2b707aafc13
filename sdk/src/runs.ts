import { randomUUID } from "node:crypto";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { present } from "./answer.js";
import { callUnary, type CallOptions, type Connection } from "./call.js";
import type { CancelOptions } from "./jobs-by-filter.js";
import type { CreateOptions } from "./jobs.js";
import { createPagedList, type ListOptions, type PagedList } from "./page.js";
import { runSpec, type RunInput, type RunSpecInit } from "./run-input.js";
import { watchRun, type RunWatchItem, type WatchRunOptions } from "./run-watch.js";
import {
  RunFilterSchema,
  RunService,
  RunTargetState,
  type Run,
  type RunOutput,
  type RunRejection,
  type RunTargetStatus,
} from "./v1.js";

/** A run as accepted. */
export type CreatedRun = Run & {
  /** Why targets were refused, the first 100 of them. */
  readonly rejections: readonly RunRejection[];
  /** Whether an earlier call with the same request id created it. */
  readonly replayed: boolean;
};

/** How a run is created. */
export interface CreateRunOptions extends CreateOptions {
  /** Only says what would be accepted; the run then has no id. */
  readonly validateOnly?: boolean | undefined;
  /** Refuses the run when one target is refused. */
  readonly allOrNothing?: boolean | undefined;
}

/** Which runs are meant: fields are joined by AND, the values of a field by OR; an empty filter means all. */
export type RunFilterInit = MessageInitShape<typeof RunFilterSchema>;

/** What cancelling a run can be given. */
export type CancelRunOptions = CancelOptions;

/** States of a target, as the contract names them. */
export type RunTargetStateName = Exclude<keyof typeof RunTargetState, "UNSPECIFIED">;

interface InStates {
  /** Only targets in one of these states. Default: all, or for `retry` all that may be done again. */
  readonly states?: readonly RunTargetStateName[] | undefined;
}

/** How the outputs of a run are read. */
export interface RunOutputsOptions extends CallOptions, ListOptions, InStates {
  /** Adds to each target what differs from this run, or from the run before it. */
  readonly compareWith?: "previous" | { readonly run: string } | undefined;
}

interface Reason {
  /** Why, for its history. */
  readonly reason?: string | undefined;
}

/** Does one job on many targets, batch by batch. */
export interface Runs {
  /** Accepts a run over up to 100,000 targets; its jobs are created as the rollout reaches them. */
  create(run: RunInput | RunSpecInit, options?: CreateRunOptions): Promise<CreatedRun>;
  get(id: string, options?: CallOptions): Promise<Run>;
  /** Runs, newest first. */
  list(filter?: RunFilterInit, options?: CallOptions & ListOptions): PagedList<Run>;
  /** The targets of a run, in their order. */
  targets(id: string, options?: CallOptions & ListOptions & InStates): PagedList<RunTargetStatus>;
  /** Ends a run: what has not started stays untouched. */
  cancel(id: string, options?: CancelRunOptions): Promise<Run>;
  /** Starts nothing new until the run is resumed. */
  pause(id: string, options?: CallOptions & Reason): Promise<Run>;
  resume(id: string, options?: CallOptions & Reason): Promise<Run>;
  /** Does an ended run again, as a new run, for the targets that failed or stayed untouched. */
  retry(id: string, options?: CreateOptions & InStates): Promise<CreatedRun>;
  /** What the targets gave, also while the run goes on; of the others, why there is nothing. */
  outputs(id: string, options?: RunOutputsOptions): PagedList<RunOutput>;
  /** Follows one run to its end. */
  watch(id: string, options?: WatchRunOptions): AsyncGenerator<RunWatchItem, void, undefined>;
  /** Waits for the end of a run and answers with it, however it ended. */
  wait(run: string | Run, options?: WatchRunOptions): Promise<Run>;
}

/** Makes the runs' part of a client. */
export function createRuns(connection: Connection): Runs {
  const client = createClient(RunService, connection.transport);
  const numbers = (states: readonly RunTargetStateName[] = []): RunTargetState[] =>
    states.map((name) => RunTargetState[name]);

  const get: Runs["get"] = async (id, options = {}) =>
    present((await callUnary(connection, options, (call) => client.getRun({ id }, call))).run);

  return {
    async create(run, options = {}) {
      const { validateOnly = false, allOrNothing = false, requestId = randomUUID() } = options;
      const request = { run: runSpec(run), requestId, validateOnly, allOrNothing };
      const response = await callUnary(connection, options, (call) => client.createRun(request, call));
      const { rejections, replayed } = response;
      return Object.assign(present(response.run), { rejections, replayed });
    },
    get,
    list(filter = {}, options = {}) {
      return createPagedList(async (pageToken) => {
        const request = { filter: create(RunFilterSchema, filter), pageSize: options.pageSize ?? 0, pageToken };
        const response = await callUnary(connection, options, (call) => client.listRuns(request, call));
        return { items: response.runs, nextPageToken: response.nextPageToken };
      }, options.pageToken);
    },
    targets(id, options = {}) {
      return createPagedList(async (pageToken) => {
        const request = { id, states: numbers(options.states), pageSize: options.pageSize ?? 0, pageToken };
        const response = await callUnary(connection, options, (call) => client.listRunTargets(request, call));
        return { items: response.targets, nextPageToken: response.nextPageToken };
      }, options.pageToken);
    },
    async cancel(id, options = {}) {
      const request = { id, interruptRunning: options.interruptRunning ?? false, reason: options.reason ?? "" };
      return present((await callUnary(connection, options, (call) => client.cancelRun(request, call))).run);
    },
    async pause(id, options = {}) {
      const request = { id, reason: options.reason ?? "" };
      return present((await callUnary(connection, options, (call) => client.pauseRun(request, call))).run);
    },
    async resume(id, options = {}) {
      const request = { id, reason: options.reason ?? "" };
      return present((await callUnary(connection, options, (call) => client.resumeRun(request, call))).run);
    },
    async retry(id, options = {}) {
      const request = { id, requestId: options.requestId ?? randomUUID(), states: numbers(options.states) };
      const response = await callUnary(connection, options, (call) => client.retryRun(request, call));
      const { rejections, replayed } = response;
      return Object.assign(present(response.run), { rejections, replayed });
    },
    outputs(id, options = {}) {
      const { compareWith } = options;
      return createPagedList(async (pageToken) => {
        const request = {
          id,
          states: numbers(options.states),
          pageSize: options.pageSize ?? 0,
          pageToken,
          ...(compareWith === undefined
            ? {}
            : compareWith === "previous"
              ? { compareWith: { case: "previous" as const, value: true } }
              : { compareWith: { case: "run" as const, value: compareWith.run } }),
        };
        const response = await callUnary(connection, options, (call) => client.getRunOutputs(request, call));
        return { items: response.outputs, nextPageToken: response.nextPageToken };
      }, options.pageToken);
    },
    watch: (id, options) => watchRun(connection, id, options),
    async wait(run, options) {
      const id = typeof run === "string" ? run : run.id;
      const items = watchRun(connection, id, options);
      while (!(await items.next()).done);
      return await get(id, options);
    },
  };
}
