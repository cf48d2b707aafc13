import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { present } from "./answer.js";
import { callUnary, type CallOptions, type Connection } from "./call.js";
import { createPagedList, type ListOptions, type PagedList } from "./page.js";
import { resume } from "./resume.js";
import { durationFromMs } from "./time.js";
import type { WatchOptions } from "./job-watch.js";
import {
  ListWorkersRequestSchema,
  SessionFilterSchema,
  StopMode,
  WorkerSelectorSchema,
  WorkerService,
  type CloseSessionsResponse,
  type Session,
  type StopWorkersResponse,
  type SuspendWorkersResponse,
  type Worker,
} from "./v1.js";

/** Which workers are shown: fields are joined by AND, the values of a field by OR; empty means all. */
export type WorkerFilterInit = MessageInitShape<typeof ListWorkersRequestSchema>;
/** Which workers are told: at least one of names, queues, nodes and hosts. */
export type WorkerSelectorInit = MessageInitShape<typeof WorkerSelectorSchema>;
/** Which sessions are meant: fields are joined by AND, the values of a field by OR; empty means all. */
export type SessionFilterInit = MessageInitShape<typeof SessionFilterSchema>;

/** What an order to workers can be given. */
export interface WorkerOrderOptions extends CallOptions {
  /** Why, for those who meet it. */
  readonly reason?: string | undefined;
  /** Only say what would be done. */
  readonly validateOnly?: boolean | undefined;
  /** Refuse when the workers hold more devices. Default: 1 where queues or hosts select, else no bound. */
  readonly maxAffectedDevices?: number | undefined;
}

/** How workers are stopped. */
export interface StopWorkersOptions extends WorkerOrderOptions {
  /** Finish all; finish within a grace period; or interrupt at once. Default "drain". */
  readonly mode?: "drain" | "graceful" | "now" | undefined;
  /** Milliseconds that running work may go on, of "graceful". Default: the worker's own setting. */
  readonly graceMs?: number | undefined;
  /** Milliseconds to wait for what becomes of the jobs, at most 60,000. Default 10,000, and none for "drain". */
  readonly waitMs?: number | undefined;
}

/** How sessions are closed. */
export interface CloseSessionsOptions extends CallOptions {
  /** Also where jobs run, which are cut. Default false: refused with SESSIONS_IN_USE. */
  readonly interruptRunning?: boolean | undefined;
  /** Only say what would be done. */
  readonly validateOnly?: boolean | undefined;
  /** Milliseconds to wait until they are closed, at most 60,000. Default 10,000. */
  readonly waitMs?: number | undefined;
}

/** One thing seen while watching workers. `restarted`: every worker comes again, then `synced`. */
export type WorkersWatchItem =
  | { readonly kind: "changed"; readonly worker: Worker }
  | { readonly kind: "removed"; readonly name: string }
  | { readonly kind: "synced" }
  | { readonly kind: "restarted" };

/** Shows the processes that do the work, and tells them to take nothing new or to stop. */
export interface Workers {
  /**
   * Says that a worker whose journal is missing never returns, and gives how many devices take changes again. Look at
   * them first. WORKER_NOT_FOUND, WORKER_LIVES.
   */
  forget(name: string, options?: CallOptions): Promise<number>;
  /** One worker. WORKER_NOT_FOUND. */
  get(name: string, options?: CallOptions): Promise<Worker>;
  /** Workers by name; dead ones for an hour. */
  list(filter?: WorkerFilterInit, options?: CallOptions): Promise<Worker[]>;
  /** Lets workers take nothing new until they are resumed. WORKER_NOT_FOUND, WORKER_STOPPING, TOO_MANY_DEVICES. */
  suspend(selector: WorkerSelectorInit, options?: WorkerOrderOptions): Promise<SuspendWorkersResponse>;
  /** Lets suspended workers take work again. WORKER_NOT_FOUND, WORKER_STOPPING. */
  resume(selector: WorkerSelectorInit, options?: CallOptions & { readonly validateOnly?: boolean }): Promise<Worker[]>;
  /**
   * Stops workers, and answers with the jobs that ran there and what became of each. WORKER_NOT_FOUND,
   * TOO_MANY_DEVICES.
   */
  stop(selector: WorkerSelectorInit, options?: StopWorkersOptions): Promise<StopWorkersResponse>;
  /** The SSH sessions that workers hold, as of their last beats. DEVICE_NOT_FOUND, WORKER_NOT_FOUND. */
  sessions(filter?: SessionFilterInit, options?: CallOptions & ListOptions): PagedList<Session>;
  /**
   * Closes sessions, in the devices' own words, and answers with those that are closed and what became of the jobs that
   * ran in them. Names at least one session, device, host, worker, node or credential. SESSIONS_IN_USE.
   */
  closeSessions(filter: SessionFilterInit, options?: CloseSessionsOptions): Promise<CloseSessionsResponse>;
  /** Follows workers: those there are, `synced`, then each as it changes. Never ends by itself. */
  watch(filter?: WorkerFilterInit, options?: WatchOptions): AsyncGenerator<WorkersWatchItem, void, undefined>;
}

const stopModes = { drain: StopMode.DRAIN, graceful: StopMode.GRACEFUL, now: StopMode.NOW } as const;
const defaultHeartbeatMs = 15_000;
/** A stop may wait for up to a minute before it answers; the call is given this much more. Milliseconds. */
const waitMarginMs = 15_000;

/** Makes the workers' part of a client. */
export function createWorkers(connection: Connection): Workers {
  const client = createClient(WorkerService, connection.transport);
  return {
    async forget(name, options = {}) {
      return (await callUnary(connection, options, (call) => client.forgetWorker({ name }, call))).devices;
    },
    async get(name, options = {}) {
      return present((await callUnary(connection, options, (call) => client.getWorker({ name }, call))).worker);
    },
    async list(filter = {}, options = {}) {
      const request = create(ListWorkersRequestSchema, filter);
      return (await callUnary(connection, options, (call) => client.listWorkers(request, call))).workers;
    },
    async suspend(selector, options = {}) {
      const request = { selector: create(WorkerSelectorSchema, selector), ...orderOf(options) };
      return await callUnary(connection, options, (call) => client.suspendWorkers(request, call));
    },
    async resume(selector, { validateOnly = false, ...options } = {}) {
      const request = { selector: create(WorkerSelectorSchema, selector), validateOnly };
      return (await callUnary(connection, options, (call) => client.resumeWorkers(request, call))).workers;
    },
    async stop(selector, options = {}) {
      const { mode = "drain", graceMs, waitMs } = options;
      const request = {
        ...{ selector: create(WorkerSelectorSchema, selector), mode: stopModes[mode], ...orderOf(options) },
        ...(graceMs === undefined ? {} : { gracePeriod: durationFromMs(graceMs) }),
        ...(waitMs === undefined ? {} : { waitTimeout: durationFromMs(waitMs) }),
      };
      const timeoutMs = options.timeoutMs ?? Math.max(connection.timeoutMs, (waitMs ?? 0) + waitMarginMs);
      return await callUnary(connection, { ...options, timeoutMs }, (call) => client.stopWorkers(request, call));
    },
    sessions(filter = {}, { pageSize = 0, pageToken, ...options } = {}) {
      return createPagedList(async (token) => {
        const request = { filter: create(SessionFilterSchema, filter), pageSize, pageToken: token };
        const answer = await callUnary(connection, options, (call) => client.listSessions(request, call));
        return { items: answer.sessions, nextPageToken: answer.nextPageToken };
      }, pageToken);
    },
    async closeSessions(filter, options = {}) {
      const { interruptRunning = false, validateOnly = false, waitMs } = options;
      const request = {
        ...{ filter: create(SessionFilterSchema, filter), interruptRunning, validateOnly },
        ...(waitMs === undefined ? {} : { waitTimeout: durationFromMs(waitMs) }),
      };
      const timeoutMs = options.timeoutMs ?? Math.max(connection.timeoutMs, (waitMs ?? 0) + waitMarginMs);
      return await callUnary(connection, { ...options, timeoutMs }, (call) => client.closeSessions(request, call));
    },
    async *watch(filter = {}, options = {}) {
      const heartbeatMs = options.heartbeatMs ?? defaultHeartbeatMs;
      let opened = 0;
      let told = 0;
      const messages = resume(
        connection,
        {
          open: (signal) => {
            opened++;
            return client.watchWorkers(
              { filter: create(ListWorkersRequestSchema, filter), heartbeatInterval: durationFromMs(heartbeatMs) },
              { signal, timeoutMs: 0, headers: { ...connection.headers, ...options.headers } },
            );
          },
          ends: () => false,
        },
        { signal: options.signal, idleMs: heartbeatMs * 3, onReconnect: options.onReconnect },
      );
      for await (const { item } of messages) {
        // There is no cursor: after a cut every worker comes again.
        if (told > 0 && told !== opened) yield { kind: "restarted" };
        told = opened;
        if (item.case === "changed") yield { kind: "changed", worker: item.value };
        else if (item.case === "removed") yield { kind: "removed", name: item.value };
        else if (item.case === "synced") yield { kind: "synced" };
      }
    },
  };
}

function orderOf({ reason = "", validateOnly = false, maxAffectedDevices }: WorkerOrderOptions) {
  return { reason, validateOnly, ...(maxAffectedDevices === undefined ? {} : { maxAffectedDevices }) };
}
