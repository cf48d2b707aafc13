import { create, equals, fromBinary, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import {
  CreateScheduleRequestSchema,
  RunSpecSchema,
  type Schedule,
  ScheduledTimeSchema,
  type ScheduleService,
} from "@pointsman/sdk/v1";
import type { Calendar } from "../../domain/calendar.js";
import { createRunId } from "../../domain/job-id.js";
import { nextTime, type ScheduleClock, withJitter } from "../../domain/schedule-plan.js";
import { createTimes } from "../../domain/schedule-times.js";
import { invalidRequest, problem } from "../../errors.js";
import { type ScheduleRecord, StoreError } from "../../store/store.js";
import { canonicalBytes } from "../calls/canonical-bytes.js";
import { type Principal, principalKey } from "../calls/call-context.js";
import type { JobCreation } from "../jobs/job-wish.js";
import { checkLifting } from "../jobs/lifted-commands.js";
import { readLatestOutput } from "./latest-output.js";
import { pageSize } from "../page-token.js";
import { createScheduleRequests } from "./schedule-requests.js";
import { refuseOutputFields, updatedSchedule } from "./schedule-fields.js";
import { historyPage } from "./schedule-history.js";
import { listSchedules } from "./schedule-list.js";
import { readRule } from "./schedule-rule.js";
import { readRun } from "./schedule-run.js";
import type { RunStarter } from "./schedule-starter.js";
import { viewSchedule } from "./schedule-view.js";

/** Times that a preview tells when nobody says how many. */
const defaultPreview = 10;
/** Tries of a change that somebody else's comes before. */
const tries = 20;

/** What the service works with. */
export interface ScheduleServiceParts extends JobCreation {
  readonly calendar: Calendar;
  readonly starter: RunStarter;
}

/** Schedules: what fires runs by time. */
export function createScheduleService(parts: ScheduleServiceParts): ServiceImpl<typeof ScheduleService> {
  const { calendar, random, sealer, store } = parts;
  const { schedules } = store;
  const caller = (context: HandlerContext): string => context.values.get(principalKey).name;
  const requests = createScheduleRequests(parts);

  async function need(name: string): Promise<ScheduleRecord> {
    const record = await schedules.get(name);
    if (!record) throw problem("SCHEDULE_NOT_FOUND", `no schedule ${name}`, { metadata: { schedule: name } });
    return record;
  }

  /** The schedule, whose work the caller may ask for at another time than it says. */
  async function needToStart(name: string, context: HandlerContext): Promise<ScheduleRecord> {
    const record = await need(name);
    checkLifting(context.values.get(principalKey), fromBinary(RunSpecSchema, record.run).job, "schedule.run.job");
    return record;
  }

  function idempotencyOf(scope: string, requestId: string, asked: Schedule) {
    const body = create(CreateScheduleRequestSchema, { schedule: asked });
    return { scope, requestId, fingerprint: sealer.fingerprint(canonicalBytes(CreateScheduleRequestSchema, body)) };
  }

  const shown = async (name: string): Promise<{ schedule: Schedule }> => ({ schedule: viewSchedule(await need(name)) });

  /** Changes a schedule as it is then; when somebody else was faster, as it is after that. */
  async function again(name: string, change: (record: ScheduleRecord) => Promise<void>): Promise<void> {
    for (let left = tries; ; left--) {
      try {
        await change(await need(name));
        return;
      } catch (error) {
        if (left === 0 || !(error instanceof StoreError) || error.reason !== "SCHEDULE_CHANGED") throw error;
      }
    }
  }

  return {
    async createSchedule({ schedule, requestId }, context) {
      const asked = schedule!;
      refuseOutputFields(asked);
      const creator = caller(context);
      const idempotency = requestId === "" ? undefined : idempotencyOf(`${creator} CreateSchedule`, requestId, asked);
      // What was to come when it was accepted may have passed when the request is repeated.
      const earlier = idempotency && (await schedules.earlier(idempotency));
      if (earlier !== undefined) return { ...(await shown(earlier)), replayed: true };
      const nowMs = await schedules.now();
      const rule = readRule(calendar, asked, nowMs);
      const spec = readRun(asked, context.values.get(principalKey));
      const clock: ScheduleClock = { uid: createRunId(nowMs, random), rule, anchorMs: nowMs };
      const next =
        rule.timing.kind === "once" ? withJitter(clock, rule.timing.atMs) : nextTime(calendar, clock, nowMs - 1);
      const { name, replayed } = await schedules.create({
        ...{ ...clock, name: asked.name || clock.uid, creator, labels: asked.labels, description: asked.description },
        run: toBinary(RunSpecSchema, spec, { writeUnknownFields: false }),
        ...(next && { next }),
        ...(idempotency && { idempotency }),
      });
      return { ...(await shown(name)), replayed };
    },

    getSchedule: ({ name }) => shown(name),

    async listSchedules(request) {
      const { found, next } = await listSchedules(schedules, request);
      return { schedules: found.map(viewSchedule), nextPageToken: next };
    },

    async updateSchedule(request, context) {
      const { name } = request.schedule!;
      if (name === "") throw invalidRequest({ field: "schedule.name", description: "is required" });
      await again(name, async (record) => {
        if (request.version !== 0 && request.version !== record.version) {
          const message = `schedule ${name} has version ${record.version}, not ${request.version}`;
          throw problem("SCHEDULE_CHANGED", message, { metadata: { schedule: name, version: String(record.version) } });
        }
        const wanted = updatedSchedule(viewSchedule(record), request);
        await schedules.update(
          name,
          record.version,
          ...(await change(record, wanted, context.values.get(principalKey))),
        );
      });
      return shown(name);
    },

    async deleteSchedule({ name }) {
      await schedules.remove(name);
      return {};
    },

    async pauseSchedule({ name, note }, context) {
      await schedules.pause(name, { caller: caller(context), note, timeMs: await schedules.now() });
      return shown(name);
    },

    async resumeSchedule({ name }) {
      await again(name, async (record) => {
        const next = record.paused && nextTime(calendar, record, await schedules.now());
        await schedules.resume(name, record.version, next);
      });
      return shown(name);
    },

    triggerSchedule: async ({ name, requestId }, context) =>
      requests.trigger(await needToStart(name, context), caller(context), requestId),

    backfillSchedule: async ({ name, from, to }, context) =>
      requests.backfill(await needToStart(name, context), caller(context), timestampMs(from!), timestampMs(to!)),

    async previewSchedule({ source, count, from }) {
      const nowMs = await schedules.now();
      const clock =
        source.case === "schedule"
          ? { uid: source.value.name, rule: readRule(calendar, source.value, nowMs), anchorMs: nowMs }
          : await need(source.value ?? "");
      const series = createTimes(calendar, clock.rule, clock.anchorMs);
      const times = [];
      let time = series.next((from ? timestampMs(from) : nowMs) - 1);
      for (; time !== undefined && times.length < (count || defaultPreview); time = series.next(time)) {
        const { timeMs, dueMs } = withJitter(clock, time);
        times.push(create(ScheduledTimeSchema, { time: timestampFromMs(timeMs), fireTime: timestampFromMs(dueMs) }));
      }
      return { times };
    },

    async listScheduleHistory(request) {
      await need(request.name);
      return historyPage(schedules, request.name, pageSize(request.pageSize), request.pageToken);
    },

    getLatestOutput: async (request) => readLatestOutput(store, await need(request.name), request),
  };

  /** What is written for a change: with another timing, the next time is worked out anew. */
  async function change(record: ScheduleRecord, wanted: Schedule, caller: Principal): Promise<ScheduleUpdate> {
    const nowMs = await schedules.now();
    const before = record.rule;
    // What was asked for before need not come again: it is judged as of then.
    const stands = JSON.stringify(whenOf(readRule(calendar, wanted, 0))) === JSON.stringify(whenOf(before));
    const rule = readRule(calendar, wanted, stands ? Math.min(record.createMs, before.startMs ?? Infinity) : nowMs);
    const { labels, description } = wanted;
    const run = toBinary(RunSpecSchema, readRun(wanted, caller), { writeUnknownFields: false });
    // Nobody has work done in the name of another: what others may send, and whose locks let it pass, goes by that name.
    const isTheirs = equals(RunSpecSchema, fromBinary(RunSpecSchema, run), fromBinary(RunSpecSchema, record.run));
    const body = { rule, labels, description, run, ...(!isTheirs && { creator: caller.name }) };
    if (stands && rule.jitterMs === before.jitterMs) return [body];
    const clock: ScheduleClock = { uid: record.uid, rule, anchorMs: stands ? record.anchorMs : nowMs };
    if (stands) {
      const next = record.nextMs === undefined ? undefined : withJitter(clock, record.nextMs);
      return [body, { anchorMs: record.anchorMs, ...(next && { next }) }];
    }
    const next =
      rule.timing.kind === "once" ? withJitter(clock, rule.timing.atMs) : nextTime(calendar, clock, nowMs - 1);
    return [body, { anchorMs: nowMs, ...(next && { next }) }];
  }
}

type ScheduleUpdate =
  Parameters<JobCreation["store"]["schedules"]["update"]> extends [unknown, unknown, ...infer Rest] ? Rest : never;

/** What of a rule says when times come. */
function whenOf({ timing, startMs, endMs }: ScheduleRecord["rule"]): unknown {
  return [timing, startMs, endMs];
}
