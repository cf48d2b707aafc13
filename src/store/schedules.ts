import type { FiringCause, ScheduleOutcome } from "../domain/schedule.js";
import type { NextTime } from "../domain/schedule-plan.js";
import type { StoreConnection } from "./connection.js";
import { type KeySpace, keyOf } from "./keys.js";
import { list, type ScriptArgument, type ScriptName, type ScriptReply, type Scripts, text } from "./scripts.js";
import {
  type Firing,
  type ScheduleBody,
  type ScheduleEntry,
  type SchedulePauseRecord,
  type ScheduleRecord,
  type ScheduleStore,
  StoreError,
} from "./store.js";

/** A request id is known for at least this long, also when what it made is gone. */
const requestIdMs = 7 * 86_400_000;
/** Schedules that are due and counted at most. */
const lateCounted = 10_000;

function missing(name: string): StoreError {
  return new StoreError("SCHEDULE_NOT_FOUND", `no schedule ${name}`, { schedule: name });
}

function reused(): StoreError {
  return new StoreError("REQUEST_ID_REUSED", "the request_id was used with another request");
}

function changed(name: string, version?: string): StoreError {
  const metadata = { schedule: name, ...(version !== undefined && { version }) };
  return new StoreError("SCHEDULE_CHANGED", `schedule ${name} was changed meanwhile; read it again`, metadata);
}

function nextArgs(next: NextTime | undefined): readonly [string, string] {
  return next === undefined ? ["", ""] : [String(next.timeMs), String(next.dueMs)];
}

/** The inside of a JSON object. */
function facts(fields: object): string {
  return JSON.stringify(fields).slice(1, -1);
}

/** Schedules in the installation's slot: a time is decided about by whoever comes first. */
export function createScheduleStore(redis: StoreConnection, scripts: Scripts, keys: KeySpace): ScheduleStore {
  const root = keys.installation;
  const run = (name: ScriptName, ...args: readonly ScriptArgument[]): Promise<ScriptReply> =>
    scripts.run(name, root, ...args);

  async function get(name: string): Promise<ScheduleRecord | undefined> {
    const [fields, liveRuns] = await Promise.all([
      redis.hgetallBuffer(keyOf(root, "schedule", name)),
      redis.hlen(keyOf(root, "schedule-live", name)),
    ]);
    return read(name, fields, liveRuns);
  }

  const getMany = (names: readonly string[]): Promise<(ScheduleRecord | undefined)[]> => Promise.all(names.map(get));

  return {
    now: async () => Number(text(await run("time"))),
    async create(schedule) {
      const { name, uid, creator, idempotency } = schedule;
      const request = idempotency ? `${idempotency.scope} ${idempotency.requestId}` : "";
      const reply = list(
        await run(
          ...(["write_schedule", "create", name, uid, "", bodyOf(schedule), schedule.run, schedule.anchorMs] as const),
          ...nextArgs(schedule.next),
          ...[creator, request, idempotency?.fingerprint ?? ""],
        ),
      );
      switch (text(reply[0])) {
        case "REPLAYED":
          return { name: text(reply[1]), replayed: true };
        case "EXISTS":
          throw new StoreError("SCHEDULE_EXISTS", `schedule ${name} exists`, { schedule: name });
        case "REUSED":
          throw reused();
        default:
          return { name, replayed: false };
      }
    },
    async earlier({ scope, requestId, fingerprint }) {
      const request = keyOf(root, "schedule-request", `${scope} ${requestId}`);
      const [name, before] = await redis.hmget(request, "name", "fingerprint");
      if (typeof name !== "string") return undefined;
      if (before !== fingerprint) throw reused();
      return name;
    },
    async update(name, version, body, timing) {
      const times = timing ? [timing.anchorMs, ...nextArgs(timing.next)] : ["", "keep", ""];
      const head = ["write_schedule", "update", name, "", version, bodyOf(body), body.run] as const;
      const reply = list(await run(...head, ...times, body.creator ?? "", "", ""));
      if (text(reply[0]) === "MISSING") throw missing(name);
      if (text(reply[0]) === "CHANGED") throw changed(name, text(reply[1]));
    },
    get,
    getMany,
    async list({ limit, after }) {
      const start = after === undefined ? "-" : `(${after}`;
      const names = await redis.zrange(keyOf(root, "schedules"), start, "+", "BYLEX", "LIMIT", 0, limit);
      const schedules = (await getMany(names)).filter((schedule) => schedule !== undefined);
      const last = names.at(-1);
      return { schedules, ...(names.length === limit && last !== undefined ? { next: last } : {}) };
    },
    async remove(name) {
      if (text(await run("remove_schedule", name, requestIdMs)) === "MISSING") throw missing(name);
    },
    async pause(name, why) {
      if (text(await run("pause_schedule", name, JSON.stringify(why))) === "MISSING") throw missing(name);
    },
    async resume(name, version, next) {
      const answer = text(await run("pause_schedule", name, "", version, ...nextArgs(next)));
      if (answer === "MISSING") throw missing(name);
      if (answer === "CHANGED") throw changed(name);
    },
    async due(limit) {
      const [now, later, ...names] = list(await run("due_schedules", limit)).map((part) => text(part));
      const schedules = (await getMany(names)).filter((schedule) => schedule !== undefined);
      return { nowMs: Number(now), schedules, ...(Number(later) >= 0 && { nextDueMs: Number(later) }) };
    },
    async fire(seen, { missed, fire, next }) {
      const entry = missed && { t: missed.firstMs, last: missed.lastMs, count: missed.count, o: "MISSED", c: "TIME" };
      const fired = await run(
        ...(["fire_schedule", seen.name, seen.uid, seen.version, seen.nextMs ?? "", ...nextArgs(next)] as const),
        ...[entry ? facts(entry) : "", missed?.count ?? 0],
        ...fire.flatMap((one) => [one.timeMs, one.overlap, one.run]),
      );
      return fired === 1;
    },
    async request({ name, uid }, { cause, caller, runs, request }) {
      const reply = list(
        await run(
          ...(["add_firings", name, uid, cause, JSON.stringify(caller)] as const),
          ...[request ? `${request.scope} ${request.requestId}` : "", requestIdMs],
          ...runs.flatMap((one) => [one.timeMs, one.run]),
        ),
      );
      const [answer, ...rest] = reply.map((part) => text(part));
      if (answer === "MISSING") throw missing(name);
      return answer === "REPLAYED" ? { added: [], replayed: rest[0] ?? "" } : { added: rest };
    },
    async takeFirings(limit, holdMs, one) {
      return list(await run("take_firings", limit, holdMs, one ?? "")).map((reply): Firing => {
        const [id, schedule, uid, timeMs, creator, spec, cancels] = list(reply);
        return {
          ...{ run: text(id), schedule: text(schedule), uid: text(uid), timeMs: Number(text(timeMs)) },
          ...{ creator: text(creator), spec: spec as Buffer },
          cancels: text(cancels).split(" ").filter(Boolean),
        };
      });
    },
    async started(id) {
      await run("settle_firing", id, "", 0, "", "");
    },
    async refused(id, { reason, message }, { pauseAfterFailures, next }) {
      await run("settle_firing", id, facts({ reason, message }), pauseAfterFailures, ...nextArgs(next));
    },
    async takeLive(limit, againMs) {
      return list(await run("take_live_runs", limit, againMs)).map((member) => {
        const [id = "", schedule = ""] = text(member).split(" ");
        return { run: id, schedule };
      });
    },
    async ended(name, id, end, { pauseAfterFailures, next }) {
      await run(
        ...(["end_schedule_run", name, id, end.state ?? "", end.endMs] as const),
        ...[
          end.succeeded === undefined ? "" : end.succeeded ? "1" : "0",
          end.complete ? "1" : "0",
          pauseAfterFailures,
          ...nextArgs(next),
        ],
      );
    },
    async history(name, { limit, before }) {
      const total = Number((await redis.hget(keyOf(root, "schedule", name), "n")) ?? 0);
      // Counted from the end of the list, whose first entries are cut off as others come.
      const newest = before === undefined ? 1 : total - before + 2;
      const entries = await redis.lrange(keyOf(root, "schedule-history", name), -(newest + limit - 1), -newest);
      return entries
        .map(entryOf)
        .filter(({ number }) => before === undefined || number < before)
        .reverse();
    },
    async lateness() {
      const now = Number(text(await run("time")));
      const due = keyOf(root, "schedules-due");
      const late = await redis.zrange(due, "-inf", String(now), "BYSCORE", "LIMIT", 0, lateCounted, "WITHSCORES");
      return { schedules: late.length / 2, oldestMs: late.length > 0 ? now - Number(late[1]) : 0 };
    },
  };
}

function bodyOf({ rule, labels, description }: ScheduleBody): string {
  return JSON.stringify({ rule, labels, description });
}

function read(name: string, fields: Readonly<Record<string, Buffer>>, liveRuns: number): ScheduleRecord | undefined {
  const field = (key: string): string | undefined => fields[key]?.toString();
  const number = (key: string): number => Number(field(key) ?? 0);
  const uid = field("uid");
  if (uid === undefined || !fields["run"]) return undefined;
  const body = JSON.parse(field("body") ?? "{}") as ScheduleBody;
  const [next, paused] = [field("next"), field("paused")];
  const [lastRun, completeRun] = [field("last"), field("complete")];
  return {
    ...body,
    ...{ name, uid, creator: field("creator") ?? "", run: fields["run"], anchorMs: number("anchor"), liveRuns },
    ...{ version: number("version"), createMs: number("created"), updateMs: number("updated") },
    ...(next && { nextMs: Number(next) }),
    ...(paused && { paused: JSON.parse(paused) as SchedulePauseRecord }),
    failures: number("failures"),
    ...(lastRun && { lastRun, lastRunMs: number("lastMs") }),
    ...(completeRun && { completeRun }),
    counts: {
      ...{ fired: number("fired"), skipped: number("skipped") },
      ...{ missed: number("missed"), refused: number("refused") },
    },
  };
}

/** An entry of a history as it is kept. */
interface StoredEntry {
  readonly n: number;
  readonly at: number;
  readonly t: number;
  readonly o: ScheduleOutcome;
  readonly c: FiringCause;
  readonly run?: string;
  readonly rs?: string;
  readonly re?: number;
  readonly last?: number;
  readonly count?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly by?: string;
}

function entryOf(stored: string): ScheduleEntry {
  const { n, at, t, o, c, rs, re, last, by, ...rest } = JSON.parse(stored) as StoredEntry;
  return {
    ...rest,
    ...{ number: n, entryMs: at, timeMs: t, outcome: o, cause: c },
    ...(rs !== undefined && { runState: rs }),
    ...(re !== undefined && { runEndMs: re }),
    ...(last !== undefined && { lastMs: last }),
    ...(by !== undefined && { caller: by }),
  };
}
