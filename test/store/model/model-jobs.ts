import { holdReason } from "../../../src/domain/hold.js";
import type { JobRecord, NewJob, Waiting } from "../../../src/domain/job.js";
import { type JobState, isFinal } from "../../../src/domain/job-state.js";
import { priorityPointMs } from "../../../src/domain/line-order.js";
import { type JobStore, StoreError } from "../../../src/store/store.js";
import { refuseToWait, wouldWait } from "./refuse-to-wait.js";
import * as zones from "./zone.js";

type ModelJobs = Pick<
  JobStore,
  "create" | "get" | "getMany" | "waiting" | "list" | "count" | "cancel" | "resolve" | "mark" | "events" | "output"
>;

const lingerMs = 60_000;

function round(score: number): number {
  return Number(score.toFixed(3));
}

/** The record that callers see. */
export function recordOf(zone: zones.ModelZone, job: zones.ModelJob): JobRecord {
  const { spec } = job;
  const optional = <K extends string, T>(key: K, value: T | undefined): { [P in K]?: T } =>
    (value === undefined ? {} : { [key]: value }) as { [P in K]?: T };
  return {
    id: job.id,
    zone: zone.name,
    state: job.state,
    effectClass: spec.effectClass,
    type: spec.type,
    endpoint: spec.endpoint,
    address: spec.address,
    ...optional("device", spec.device),
    ...optional("node", spec.node),
    ...optional("task", spec.task),
    creator: spec.creator,
    priority: spec.priority,
    labels: spec.labels,
    spec: spec.spec,
    createMs: job.createMs,
    ...optional("startAfterMs", job.startAfterMs),
    ...optional("queueMs", job.queueMs),
    expireMs: job.expireMs,
    ...optional("firstStartMs", job.firstStartMs),
    ...optional("startMs", job.startMs),
    ...optional("endMs", job.endMs),
    attempt: job.attempts.length,
    maxAttempts: spec.maxAttempts,
    ...optional("worker", job.worker),
    ...optional("fence", job.fence),
    attempts: job.attempts.map((attempt) => ({ ...attempt })),
    ...optional("error", job.error),
    ...optional("effect", job.effect),
    ...optional("intentMs", job.intentMs),
    intendedStep: job.intendedStep,
    confirmedStep: job.confirmedStep,
    ...optional("result", job.result),
    ...optional("resolution", job.resolution),
    lastEvent: job.events.length,
    outputBytes: job.output.length,
    ...(job.cut ? { outputCut: "forgotten" as const } : {}),
    cancelRequested: job.cancelRequested,
    ...optional("retryMs", job.retryMs),
    ...optional("queue", spec.queue),
    ...optional("retryOf", spec.retryOf),
    ...optional("retriedBy", job.retriedBy),
    ...optional("deleteMs", job.deleteMs),
  };
}

function refused(reason: StoreError["reason"]): StoreError {
  return new StoreError(reason, `the model says ${reason}`);
}

function blocking(hold: string): { blockingJob?: string } {
  const { job } = holdReason(hold);
  return job === undefined ? {} : { blockingJob: job };
}

/** Jobs as callers see them, in the model. */
export function createModelJobs(zone: zones.ModelZone): ModelJobs {
  function need(id: string): zones.ModelJob {
    const job = zone.jobs.get(id);
    if (!job) throw refused("JOB_NOT_FOUND");
    return job;
  }

  function accept(spec: NewJob, fails: boolean): zones.ModelJob {
    const now = zone.now();
    const start = Math.max(now, spec.startAfterMs ?? now);
    const score = round(zone.moment() - spec.priority * priorityPointMs);
    const job = zones.addJob(zone, spec, now, score, start + spec.queueTimeoutMs);
    if (start > now) job.state = "DELAYED";
    if (spec.dedupe && !fails) zone.dedupe.set(spec.dedupe.key, job.id);
    const before = spec.retryOf === undefined ? undefined : zone.jobs.get(spec.retryOf);
    if (before) before.retriedBy = job.id;
    return job;
  }

  function create(spec: NewJob): { job: JobRecord; replayed: boolean } {
    const request = spec.idempotency && `${spec.idempotency.scope}\n${spec.idempotency.requestId}`;
    const fingerprint = spec.idempotency?.fingerprint ?? "";
    const replayed = (id: string) => ({ job: recordOf(zone, need(id)), replayed: true });

    const seen = request === undefined ? undefined : zone.requests.get(request);
    if (seen) {
      if (seen.fingerprint !== fingerprint) throw refused("REQUEST_ID_REUSED");
      const { job } = replayed(seen.id);
      if (!spec.dedupe && job.retryOf !== spec.retryOf) throw refused("REQUEST_ID_REUSED");
      return { job, replayed: true };
    }
    if (spec.effectClass !== "READ_ONLY" && (zones.isShut(zone) || zone.gate.closed.size > 0))
      throw refused("STORE_RECONCILING");
    if (zones.deviceAt(zone, spec.endpoint).closedUntilMs > zone.now()) throw refused("DEVICE_NOT_FOUND");
    if (spec.retryOf !== undefined) {
      const before = need(spec.retryOf);
      if (!isFinal(before.state)) throw refused("JOB_NOT_FINAL");
      if (before.state === "INDETERMINATE" && !before.resolution) throw refused("JOB_NOT_RESOLVED");
    }
    const twin = spec.dedupe && zone.jobs.get(zone.dedupe.get(spec.dedupe.key) ?? "");
    if (twin && spec.dedupe?.policy === "REJECT") throw refused("DUPLICATE_JOB");
    if (twin && spec.dedupe?.policy === "JOIN") {
      if (request !== undefined) zone.requests.set(request, { id: twin.id, fingerprint });
      return replayed(twin.id);
    }
    const fails = (spec.startAfterMs ?? 0) <= zone.now() && wouldWait(zone, spec);
    if (twin && !fails && (twin.state === "DELAYED" || twin.state === "QUEUED")) {
      twin.effect = "NONE";
      zones.end(zone, twin, "CANCELLED");
      zones.record(zone, twin, { kind: "log", level: "info", message: `replaced by job ${spec.id}` });
      zones.record(zone, twin, { kind: "state", state: "CANCELLED" });
      zones.place(zone, twin.spec.endpoint);
    }

    const job = accept(spec, fails);
    if (request !== undefined) zone.requests.set(request, { id: job.id, fingerprint });
    if (job.state === "DELAYED") {
      job.startAfterMs = spec.startAfterMs ?? 0;
      zones.record(zone, job, { kind: "state", state: "DELAYED" });
      return { job: recordOf(zone, job), replayed: false };
    }
    zones.record(zone, job, { kind: "state", state: "QUEUED" });
    job.queueMs = zone.now();
    if (fails && refuseToWait(zone, job)) return { job: recordOf(zone, job), replayed: false };
    const full = zones.frozen(zone, spec.endpoint, job.line)?.policy ?? zones.fullLimit(zone, job);
    if (full !== undefined) zones.park(zone, job, full);
    if (job.parked === undefined) zones.place(zone, spec.endpoint);
    return { job: recordOf(zone, job), replayed: false };
  }

  function isOver({ fromMs, toMs }: zones.ModelFreeze): boolean {
    return fromMs > zone.now() || (toMs !== undefined && toMs <= zone.now());
  }

  function waitingOf(job: zones.ModelJob): Waiting | undefined {
    if (job.state === "DELAYED") return { reason: job.retryMs === undefined ? "START_TIME" : "RETRY", position: 0 };
    if (job.state !== "QUEUED") return undefined;
    const { parked } = job;
    const ahead = (jobs: readonly zones.ModelJob[]) =>
      jobs.filter((one) => one.score < job.score || (one.score === job.score && one.id < job.id)).length;
    if (parked !== undefined) {
      const beside = [...zone.jobs.values()].filter((one) => one.parked === parked);
      if (zones.isPolicy(parked)) {
        const freeze = zone.freezes.get(parked);
        const untilMs = freeze === undefined || isOver(freeze) ? zone.now() : freeze.toMs;
        const position = ahead(beside) + 1;
        return { reason: "FROZEN", policy: parked, ...(untilMs === undefined ? {} : { untilMs }), position };
      }
      const reason = zones.ceiling(zone, parked) === 0 ? "PAUSED" : "LIMIT";
      return { reason, limit: parked, position: ahead(beside) + 1 };
    }
    const device = zones.deviceAt(zone, job.spec.endpoint);
    const { lock } = device;
    const other = job.line === "reads" ? "changes" : "reads";
    const others = zones.openLine(zone, device, other) ?? [];
    const before = others.filter((one) => one.score < job.score).length;
    const open = zones.openLine(zone, device, job.line);
    const own = open?.includes(job) ? open : zones.lineAt(zone, job.spec.endpoint, job.line);
    const position = 1 + ahead(own) + before;
    const first = zones.headOf(zone, device);
    if (device.hold !== undefined && job.line === "changes")
      return { reason: "HELD", ...blocking(device.hold), position };
    if (device.paused) return { reason: "PAUSED", position };
    if (lock && (lock.scope === "ALL" || job.line === "changes") && lock.owner !== job.spec.creator) {
      return { reason: "LOCKED", position };
    }
    const freeze = zones.frozen(zone, job.spec.endpoint, job.line);
    if (freeze) return { reason: "FROZEN", ...freeze, position };
    const queue = `queue/${job.spec.queue ?? ""}`;
    if (zone.pausedQueues.has(queue)) return { reason: "PAUSED", limit: queue, position };
    if (zones.isShut(zone)) return { reason: "RECONCILING", position };
    if (device.run !== undefined) return { reason: "DEVICE_BUSY", blockingJob: device.run, position };
    const serves = ({ state, control, identity }: zones.ModelWorker) =>
      state === "alive" && !control && zones.isAble(zone, identity.name, job);
    if (![...zone.workers.values()].some(serves)) return { reason: "NO_WORKER", position };
    if (first !== job) return { reason: "DEVICE_BUSY", ...(first ? { blockingJob: first.id } : {}), position };
    return { reason: "CLAIM", position };
  }

  return {
    create: async (spec) => create(spec),
    get: async (id) => {
      const job = zone.jobs.get(id);
      return job && recordOf(zone, job);
    },
    getMany: async (ids) =>
      ids.map((id) => {
        const job = zone.jobs.get(id);
        return job && recordOf(zone, job);
      }),
    waiting: async (jobs) =>
      jobs.map(({ id }) => {
        const job = zone.jobs.get(id);
        return job && waitingOf(job);
      }),
    async list(_query, { limit, order }) {
      const jobs = [...zone.jobs.values()].filter(
        (job) => job.deleteMs === undefined && (order !== "ended" || job.doneMs !== undefined),
      );
      const newest = zones
        .byScore(
          jobs,
          (job) => (order === "ended" ? (job.doneMs ?? 0) : 0),
          (job) => job.id,
        )
        .reverse();
      return { jobs: newest.slice(0, limit).map((job) => recordOf(zone, job)) };
    },
    async count() {
      const counts = new Map<JobState, number>();
      for (const { state, deleteMs } of zone.jobs.values()) {
        if (deleteMs === undefined) counts.set(state, (counts.get(state) ?? 0) + 1);
      }
      return counts;
    },
    async cancel(id, { interruptRunning, caller, reason }) {
      const job = need(id);
      if (isFinal(job.state)) return "FINAL";
      if (job.state === "CANCELLING") return "CANCELLING";
      const running = job.state === "RUNNING";
      if (running && !interruptRunning) return "RUNNING";
      // It may have been done in a history that is forgotten.
      if (!running && job.spec.effectClass === "AT_MOST_ONCE" && zones.mayBeForgotten(zone)) {
        throw refused("STORE_RECONCILING");
      }
      job.cancelRequested = true;
      const state = running ? "CANCELLING" : "CANCELLED";
      if (running) {
        job.state = state;
      } else {
        job.effect = "NONE";
        zones.end(zone, job, "CANCELLED");
      }
      zones.record(zone, job, { kind: "cancel", caller, reason });
      zones.record(zone, job, { kind: "state", state });
      if (!running) zones.place(zone, job.spec.endpoint);
      return state;
    },
    async resolve(id, verdict, notBeforeMs = 0) {
      const job = need(id);
      if (job.state !== "INDETERMINATE") throw refused("JOB_NOT_INDETERMINATE");
      if (job.resolution) throw refused("JOB_ALREADY_RESOLVED");
      if (zone.now() < notBeforeMs) throw refused("CONFIRM_TIMER_RUNNING");
      job.resolution = { ...verdict, timeMs: zone.now() };
      job.doneMs = zone.now();
      zones.record(zone, job, { kind: "resolved", resolution: job.resolution });
      const device = zones.deviceAt(zone, job.spec.endpoint);
      device.holds.delete(id);
      const [next] = zones.byScore(
        device.holds,
        ([, since]) => since,
        ([held]) => held,
      );
      if (next) device.hold = next[0];
      else delete device.hold;
      zones.place(zone, job.spec.endpoint);
      zones.dropOwn(zone, job.spec.endpoint);
      return recordOf(zone, job);
    },
    async mark(id, deleted) {
      const job = need(id);
      if (!isFinal(job.state)) throw refused("JOB_NOT_FINAL");
      if (job.state === "INDETERMINATE" && !job.resolution) throw refused("JOB_NOT_RESOLVED");
      if (deleted) job.deleteMs ??= zone.now();
      else delete job.deleteMs;
      return recordOf(zone, job);
    },
    async events(id, from, limit) {
      const { events } = need(id);
      return { events: events.slice(from - 1, from - 1 + limit), first: 1, last: events.length };
    },
    async output(id, offset, length) {
      const job = zone.jobs.get(id);
      if (length === 0) return new Uint8Array();
      // What is not kept stays a while for those who are still watching.
      const lingers = job?.spec.retain !== undefined && zone.now() < (job.endMs ?? Infinity) + lingerMs;
      if (!job || (job.outputGone && !lingers) || offset + length > job.output.length) return undefined;
      return job.output.slice(offset, offset + length);
    },
  };
}
