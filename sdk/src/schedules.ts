import { randomUUID } from "node:crypto";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { present } from "./answer.js";
import { callUnary, type CallOptions, type Connection } from "./call.js";
import type { CreateOptions } from "./jobs.js";
import { createPagedList, type ListOptions, type PagedList } from "./page.js";
import {
  fromInput,
  scheduleMessage,
  schedulePaths,
  type ScheduleChanges,
  type ScheduleInit,
  type ScheduleInput,
} from "./schedule-input.js";
import { timestampFromDate } from "./time.js";
import {
  ScheduleFilterSchema,
  ScheduleService,
  type BackfillScheduleResponse,
  type GetLatestOutputResponse,
  type MissingOutput,
  type Schedule,
  type ScheduledTime,
  type ScheduleHistoryEntry,
  type TargetOutput,
} from "./v1.js";

/** A schedule as added. */
export type CreatedSchedule = Schedule & {
  /** Whether an earlier call with the same request id added it. */
  readonly replayed: boolean;
};

/** Which schedules are meant: fields are joined by AND, the values of a field by OR; an empty filter means all. */
export type ScheduleFilterInit = MessageInitShape<typeof ScheduleFilterSchema>;

/** How the next times are told. */
export interface PreviewOptions extends CallOptions {
  /** How many, up to 1,000. Default 10. */
  readonly count?: number | undefined;
  /** From when on. Default: from now on. */
  readonly from?: Date | undefined;
}

/** How the latest output is read. */
export interface LatestOutputOptions extends CallOptions {
  /** Of the latest run as far as it is. Default: of the latest in which every target has ended. */
  readonly partial?: boolean | undefined;
}

/** The latest output of a schedule, of all targets. */
export type LatestOutput = Omit<GetLatestOutputResponse, "outputs" | "missing" | "nextPageToken" | "$typeName"> & {
  readonly outputs: readonly TargetOutput[];
  readonly missing: readonly MissingOutput[];
};

/** Keeps schedules, which fire runs by time, and shows what came of them. */
export interface Schedules {
  create(schedule: ScheduleInput | ScheduleInit, options?: CreateOptions): Promise<CreatedSchedule>;
  get(name: string, options?: CallOptions): Promise<Schedule>;
  /** Schedules by name. */
  list(filter?: ScheduleFilterInit, options?: CallOptions & ListOptions): PagedList<Schedule>;
  /**
   * Changes the fields that are given, and only those; undefined sets a field back to its default. With `version` only
   * while the schedule has it.
   */
  update(
    name: string,
    changes: ScheduleChanges,
    options?: CallOptions & { readonly version?: number | undefined },
  ): Promise<Schedule>;
  /** Removes a schedule and its history; its runs stay. */
  delete(name: string, options?: CallOptions): Promise<void>;
  /** Keeps a schedule from firing. What is under way goes on. */
  pause(name: string, options?: CallOptions & { readonly note?: string | undefined }): Promise<Schedule>;
  /** Lets a schedule fire again, from its next time on. */
  resume(name: string, options?: CallOptions): Promise<Schedule>;
  /** Starts a run now. Answers with its id. */
  trigger(name: string, options?: CreateOptions): Promise<{ readonly run: string; readonly replayed: boolean }>;
  /** The next times of a schedule, by name, or of one that is not stored. */
  preview(schedule: string | ScheduleInput | ScheduleInit, options?: PreviewOptions): Promise<ScheduledTime[]>;
  /** Starts a run for each time from `from` on and before `to` that has none. */
  backfill(name: string, from: Date, to: Date, options?: CallOptions): Promise<BackfillScheduleResponse>;
  /** What became of a schedule's times, newest first. */
  history(name: string, options?: CallOptions & ListOptions): PagedList<ScheduleHistoryEntry>;
  /** What each target gave in the latest complete run, or in the latest as far as it is. */
  latestOutput(name: string, options?: LatestOutputOptions): Promise<LatestOutput>;
}

/** Makes the schedules' part of a client. */
export function createSchedules(connection: Connection): Schedules {
  const client = createClient(ScheduleService, connection.transport);
  const get: Schedules["get"] = async (name, options = {}) =>
    present((await callUnary(connection, options, (call) => client.getSchedule({ name }, call))).schedule);

  return {
    get,
    async create(schedule, options = {}) {
      const request = { schedule: scheduleMessage(schedule), requestId: options.requestId ?? randomUUID() };
      const response = await callUnary(connection, options, (call) => client.createSchedule(request, call));
      return Object.assign(present(response.schedule), { replayed: response.replayed });
    },
    list(filter = {}, options = {}) {
      return createPagedList(async (pageToken) => {
        const request = { filter: create(ScheduleFilterSchema, filter), pageSize: options.pageSize ?? 0, pageToken };
        const response = await callUnary(connection, options, (call) => client.listSchedules(request, call));
        return { items: response.schedules, nextPageToken: response.nextPageToken };
      }, options.pageToken);
    },
    async update(name, changes, { version = 0, ...options } = {}) {
      const paths = Object.keys(changes).flatMap((field) => schedulePaths[field] ?? []);
      if (paths.length === 0) return await get(name, options);
      const request = { schedule: fromInput({ ...changes, name }), updateMask: { paths }, version };
      return present((await callUnary(connection, options, (call) => client.updateSchedule(request, call))).schedule);
    },
    async delete(name, options = {}) {
      await callUnary(connection, options, (call) => client.deleteSchedule({ name }, call));
    },
    async pause(name, { note = "", ...options } = {}) {
      const response = await callUnary(connection, options, (call) => client.pauseSchedule({ name, note }, call));
      return present(response.schedule);
    },
    async resume(name, options = {}) {
      return present((await callUnary(connection, options, (call) => client.resumeSchedule({ name }, call))).schedule);
    },
    async trigger(name, options = {}) {
      const request = { name, requestId: options.requestId ?? randomUUID() };
      const { run, replayed } = await callUnary(connection, options, (call) => client.triggerSchedule(request, call));
      return { run, replayed };
    },
    async preview(schedule, { count = 0, from, ...options } = {}) {
      const request = {
        source:
          typeof schedule === "string"
            ? { case: "name" as const, value: schedule }
            : { case: "schedule" as const, value: scheduleMessage(schedule) },
        count,
        ...(from && { from: timestampFromDate(from) }),
      };
      return (await callUnary(connection, options, (call) => client.previewSchedule(request, call))).times;
    },
    async backfill(name, from, to, options = {}) {
      const request = { name, from: timestampFromDate(from), to: timestampFromDate(to) };
      return await callUnary(connection, options, (call) => client.backfillSchedule(request, call));
    },
    history(name, options = {}) {
      return createPagedList(async (pageToken) => {
        const request = { name, pageSize: options.pageSize ?? 0, pageToken };
        const response = await callUnary(connection, options, (call) => client.listScheduleHistory(request, call));
        return { items: response.entries, nextPageToken: response.nextPageToken };
      }, options.pageToken);
    },
    async latestOutput(name, { partial = false, ...options } = {}) {
      const outputs: TargetOutput[] = [];
      const missing: MissingOutput[] = [];
      for (let pageToken = ""; ;) {
        const request = { name, partial, pageSize: 1000, pageToken };
        const { $typeName: _, ...page } = await callUnary(connection, options, (call) =>
          client.getLatestOutput(request, call),
        );
        outputs.push(...page.outputs);
        missing.push(...page.missing);
        pageToken = page.nextPageToken;
        if (pageToken === "") return { ...page, outputs, missing };
      }
    },
  };
}
