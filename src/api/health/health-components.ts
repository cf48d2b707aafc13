import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { type HealthComponentSchema, HealthStatus, WorkerState } from "@pointsman/sdk/v1";
import type { JudgedServer, ScheduleStore, WorkerRecord, ZoneCondition } from "../../store/store.js";
import type { CallFigures } from "../calls/call-figures.js";
import { byWorker, workerState } from "../workers/worker-view.js";

/** A part of the service as health shows it. */
export type Component = MessageInitShape<typeof HealthComponentSchema>;

/** From here on somebody should look. */
const lateBeatMs = 10_000;
const lateClaimMs = 10_000;
const lateStartMs = 10_000;
const oldQueuedMs = 15 * 60_000;
const slowRedisMs = 500;
const lagBytes = 16 * 1024 * 1024;
const fullShare = 0.8;
const faultShare = 0.05;

/** What is wrong, if anything: SERVING without, DEGRADED with. */
function judged(name: string, wrong: readonly (string | false)[], figures: Record<string, number>): Component {
  const problems = wrong.filter((one) => one !== false);
  return {
    name,
    status: problems.length === 0 ? HealthStatus.SERVING : HealthStatus.DEGRADED,
    message: problems.join("; "),
    figures: Object.fromEntries(
      Object.entries(figures).map(([key, value]) => [key, BigInt(Math.max(0, Math.round(value)))]),
    ),
  };
}

/** A part that cannot be looked at. */
export function unknown(name: string): Component {
  return { name, status: HealthStatus.DEGRADED, message: "not known: the store does not answer" };
}

/** This server itself. */
export function apiComponent(uptimeMs: number, calls: CallFigures): Component {
  const many = calls.calls >= 20 && calls.faults / calls.calls > faultShare;
  return {
    ...judged("api", [many && "many calls end with a fault of the service"], {
      uptime_seconds: uptimeMs / 1000,
      calls: calls.calls,
      faults: calls.faults,
      longest_ms: calls.longestMs,
    }),
    latency: durationFromMs(Math.round(calls.meanMs)),
  };
}

/** Redis: each process that holds something. NOT_SERVING when one cannot be used. */
export function redisComponent(servers: readonly JudgedServer[]): Component {
  const most = (figure: (server: JudgedServer) => number): number => Math.max(0, ...servers.map(figure));
  const some = (is: (server: JudgedServer) => boolean): boolean => servers.some(is);
  const sum = (figure: (server: JudgedServer) => number): number =>
    servers.reduce((all, server) => all + figure(server), 0);
  const sayings = (of: (server: JudgedServer) => readonly string[]): string[] => [...new Set(servers.flatMap(of))];
  const unfit = sayings((server) => server.unfit);
  const allowed = sayings((server) => server.allowed);
  const filled = most(({ usedBytes, limitBytes }) => (limitBytes === 0 ? 0 : usedBytes / limitBytes));
  const judgement = judged(
    "redis",
    [
      filled >= fullShare && `memory is ${Math.round(filled * 100)} % full: new jobs are refused`,
      some(({ lastWriteOk }) => !lastWriteOk) && "the append-only file cannot be written",
      some(({ lastSaveOk }) => !lastSaveOk) && "the last snapshot could not be saved",
      some(({ connections, maxConnections }) => maxConnections > 0 && connections / maxConnections >= fullShare) &&
        "nearly all connections are in use",
      most(({ latencyMs }) => latencyMs) >= slowRedisMs && "it answers slowly",
      most((server) => server.lagBytes) >= lagBytes && "a replica is far behind",
      unfit.length > 0 && `no changes are accepted or sent: ${unfit.join("; ")}`,
    ],
    {
      processes: servers.length,
      primaries: servers.filter(({ role }) => role === "primary").length,
      memory_bytes: sum(({ usedBytes }) => usedBytes),
      memory_limit_bytes: sum(({ limitBytes }) => limitBytes),
      connections: sum(({ connections }) => connections),
      replicas: sum(({ replicas }) => replicas),
      replication_lag_bytes: most((server) => server.lagBytes),
      append_only: some(({ appendOnly }) => !appendOnly) ? 0 : 1,
      relaxed_durability: allowed.length > 0 ? 1 : 0,
    },
  );
  // What was allowed is no fault; whoever looks shall know it all the same.
  const known = allowed.length > 0 ? [`allowed by redis.allow_relaxed_durability: ${allowed.join("; ")}`] : [];
  const message = [judgement.message, ...known].filter((one) => one !== "").join("; ");
  const unusable = some(({ loading }) => loading)
    ? "it is loading its data"
    : some(({ role }) => role === "replica") && "a replica answers where the primary should";
  return {
    ...{ ...judgement, message },
    ...(unusable ? { status: HealthStatus.NOT_SERVING, message: unusable } : {}),
    latency: durationFromMs(Math.round(most(({ latencyMs }) => latencyMs))),
  };
}

/** The workers. A worker that beats without claiming is as good as dead, and only this shows it. */
export function workersComponent(records: readonly WorkerRecord[], nowMs: number): Component {
  const workers = byWorker(records);
  const count = (...states: WorkerState[]): number => workers.filter((one) => states.includes(workerState(one))).length;
  const living = records.filter(({ state }) => state !== "dead");
  const alive = count(WorkerState.BUSY, WorkerState.IDLE);
  const beatAgeMs = Math.max(0, ...living.map(({ beatMs }) => nowMs - beatMs));
  const untold = new Map(living.flatMap(({ name, untold = "" }) => (untold === "" ? [] : [[untold, name]])));
  const stuck = new Set(living.filter(({ claimAgeMs = 0 }) => claimAgeMs >= lateClaimMs).map(({ name }) => name));
  return judged(
    "workers",
    [
      alive === 0 && "no worker takes work: jobs wait",
      beatAgeMs >= lateBeatMs && `a worker has not beaten for ${Math.round(beatAgeMs / 1000)} s`,
      stuck.size > 0 && `beat, but do not claim: ${[...stuck].sort().join(", ")}`,
      ...[...untold].map(([why, name]) => `${name}: ${why}`),
    ],
    {
      alive,
      suspended: count(WorkerState.SUSPENDED),
      draining: count(WorkerState.DRAINING),
      dead: count(WorkerState.DEAD),
      stuck: stuck.size,
      heartbeat_age_ms: beatAgeMs,
    },
  );
}

/** What is common to all zones: lines, what happens by time, the gates, and what is held. */
export function zoneComponents(
  zones: readonly ZoneCondition[],
  late: Awaited<ReturnType<ScheduleStore["lateness"]>>,
): Component[] {
  const sum = (figure: (zone: ZoneCondition) => number): number => zones.reduce((all, one) => all + figure(one), 0);
  const most = (figure: (zone: ZoneCondition) => number): number => Math.max(0, ...zones.map(figure));
  const named = (is: (zone: ZoneCondition) => boolean): string =>
    zones
      .filter(is)
      .map(({ zone }) => zone)
      .join(", ");
  const shut = named(({ gate }) => gate === "SHUT");
  const hidden = named(({ gate }) => gate === "HIDDEN");
  const oldestMs = most((zone) => zone.oldestMs);
  const lateMs = most((zone) => zone.lateMs);
  const missing = sum((zone) => zone.missing);
  const held = sum((zone) => zone.held);
  const doubts = sum((zone) => zone.doubts);
  return [
    judged("queues", [oldestMs >= oldQueuedMs && "the oldest job has waited for more than 15 min"], {
      ...{ queued: sum(({ queued }) => queued), delayed: sum(({ delayed }) => delayed) },
      ...{ running: sum(({ running }) => running), oldest_age_ms: oldestMs },
    }),
    judged(
      "schedules",
      [
        late.oldestMs >= lateStartMs && "schedules fire late",
        lateMs >= lateStartMs && "jobs that are due are started late",
      ],
      { lateness_ms: late.oldestMs, late_schedules: late.schedules, due_jobs_lateness_ms: lateMs },
    ),
    judged(
      "zones",
      [
        shut !== "" && `Redis came back with another history; wait for journals: ${shut}`,
        hidden !== "" && `Redis hides its run_id or master_replid, so no change is accepted: ${hidden}`,
        missing > 0 && `${missing} journals are missing`,
      ],
      { zones: zones.length, shut: zones.filter(({ gate }) => gate !== "OPEN").length, missing_journals: missing },
    ),
    judged("holds", [doubts > 0 && `${doubts} jobs have an unknown outcome`, held > 0 && `${held} devices are held`], {
      unresolved_jobs: doubts,
      held_devices: held,
    }),
  ];
}
