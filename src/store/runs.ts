import { jobIdInRun, stampOfJob } from "../domain/job-id.js";
import type { NewRun, RunRecord, TargetRejection } from "../domain/run.js";
import { codesOf, stateOfCode, type TargetState } from "../domain/run-state.js";
import type { StoreConnection } from "./connection.js";
import { hashOfPairs } from "./job-hash.js";
import { type KeySpace, keyOf } from "./keys.js";
import { bodyOf, entryOf, runOfHash, runRequestKey } from "./run-hash.js";
import { createRunLists } from "./run-list.js";
import type { RunChange, RunStore, TargetEnd } from "./run-store.js";
import { createRunTargets } from "./run-targets.js";
import { list, type ScriptArgument, type Scripts, text } from "./scripts.js";
import { StoreError } from "./store-error.js";

/** A server that died leaves its runs to others after this long. */
const takenMs = 3_000;
/** Runs purged in one call: each takes keys with up to 100,000 targets with it. */
const retainLimit = 5;
const requestIdMs = 7 * 86_400_000;
/** Characters that a target's stamp has. */
const stampLength = 12;
/** Ends noted in one call. */
const mostEnds = 500;

function notFound(id: string): StoreError {
  return new StoreError("RUN_NOT_FOUND", `no run ${id}`, { run: id });
}

/** What changes, as `step_run.lua` takes it. */
function changesOf(change: RunChange): ScriptArgument[] {
  const { state, reason, changedBy, batch, waitMs, forgiven, interrupt, leaveRest, start = [] } = change;
  const args: ScriptArgument[] = [];
  if (leaveRest) args.push("rest", 1);
  for (const { index, stamp } of start) args.push("start", `${index} ${stamp}`);
  if (reason !== undefined) args.push("why", reason);
  if (changedBy !== undefined) args.push("by", changedBy);
  if (batch !== undefined) args.push("batch", batch);
  if (waitMs !== undefined) args.push("wait", waitMs);
  if (forgiven !== undefined) args.push("forgiven", forgiven);
  if (interrupt !== undefined) args.push("int", interrupt ? 1 : 0);
  if (state !== undefined) args.push("st", state);
  return args;
}

/** Runs. They span zones, so what a zone's jobs come to is brought here by whichever server gets there first. */
export function createRunStore(redis: StoreConnection, scripts: Scripts, keys: KeySpace): Omit<RunStore, "replicated"> {
  const root = keys.installation;
  const targets = createRunTargets(redis, root);

  async function get(id: string): Promise<RunRecord | undefined> {
    return runOfHash(id, new Map(Object.entries(await redis.hgetallBuffer(keyOf(root, "run", id)))));
  }

  async function need(id: string): Promise<RunRecord> {
    const run = await get(id);
    if (!run) throw notFound(id);
    return run;
  }

  function reused(id: string): StoreError {
    return new StoreError("REQUEST_ID_REUSED", "this request_id was used before with another request", { run: id });
  }

  async function open(run: NewRun): Promise<{ run: RunRecord; replayed: boolean }> {
    const { id, idempotency, retryOf = "", schedule = "" } = run;
    const codes = run.targets.map(({ rejection }) => (rejection ? "R" : "p")).join("");
    const request = idempotency ? [runRequestKey(idempotency), idempotency.fingerprint] : ["", ""];
    const args = [id, ...request, codes, bodyOf(run), run.spec, retryOf, schedule];
    const [answer, detail] = list(await scripts.run("open_run", root, ...args));
    switch (text(answer)) {
      case "OPENED":
        return { run: await need(id), replayed: false };
      case "REPLAYED":
        return { run: await need(text(detail)), replayed: true };
      case "REUSED":
        throw reused(text(detail));
      case "NOT_FINAL":
        throw new StoreError("RUN_NOT_FINAL", `run ${retryOf} has not ended`, { run: retryOf });
      default:
        throw notFound(retryOf);
    }
  }

  async function end(id: string, ends: readonly TargetEnd[]): Promise<void> {
    for (let from = 0; from < ends.length; from += mostEnds) {
      const args = ends.slice(from, from + mostEnds).flatMap(({ index, state, job, error }) => {
        return [
          index,
          codesOf(state)[0] ?? "",
          job === undefined ? "" : stampOfJob(job),
          error ? JSON.stringify(error) : "",
        ];
      });
      await scripts.run("end_targets", root, id, ...args);
    }
  }

  const lists = createRunLists(redis, root, get);

  return {
    async create(run) {
      await targets.write(run.id, run.targets);
      return open(run);
    },
    async earlier(idempotency) {
      const seen = await redis.get(keyOf(root, "run-request", runRequestKey(idempotency)));
      if (seen === null) return undefined;
      const [id = "", fingerprint] = seen.split(" ");
      if (fingerprint !== idempotency.fingerprint) throw reused(id);
      return get(id);
    },
    get,
    ...lists,
    targets: targets.read,
    codes: (id, from, count) => redis.getrange(keyOf(root, "run-codes", id), from, from + count - 1),
    async progress(id, indexes) {
      if (indexes.length === 0) return [];
      const first = Math.min(...indexes);
      const last = Math.max(...indexes);
      const [codes, stamps] = await Promise.all([
        redis.getrange(keyOf(root, "run-codes", id), first, last),
        redis.getrange(keyOf(root, "run-stamps", id), first * stampLength, (last + 1) * stampLength - 1),
      ]);
      return indexes.map((index) => {
        const at = (index - first) * stampLength;
        const stamp = stamps.slice(at, at + stampLength);
        // A place that nothing was written to yet holds zero bytes.
        const started = stamp.length === stampLength && !stamp.startsWith("\0");
        const state = stateOfCode(codes.charAt(index - first));
        return { index, state, ...(started ? { job: jobIdInRun(id, index, stamp) } : {}) };
      });
    },
    async errors(id, indexes) {
      const found = new Map<number, TargetRejection>();
      if (indexes.length === 0) return found;
      const stored = await redis.hmget(keyOf(root, "run-errors", id), ...indexes.map(String));
      indexes.forEach((index, i) => {
        const error = stored[i];
        if (typeof error === "string") found.set(index, JSON.parse(error) as TargetRejection);
      });
      return found;
    },
    secrets: targets.secrets,
    entries: (id) => redis.llen(keyOf(root, "run-log", id)),
    async history(id, behind, limit) {
      return (await redis.lrange(keyOf(root, "run-log", id), behind, behind + limit - 1)).map(entryOf);
    },
    async revision(id) {
      return Number((await redis.hget(keyOf(root, "run", id), "rev")) ?? 0);
    },
    async change(id, revision, change) {
      return text(await scripts.run("step_run", root, id, revision, ...changesOf(change))) === "OK";
    },
    async active() {
      const told = list(await scripts.run("active_runs", root)).map((part) => text(part));
      return new Map(told.flatMap((id, i) => (i % 2 === 0 ? [[id, Number(told[i + 1] ?? "")]] : [])));
    },
    async take(id, server) {
      const [now, fields] = list(await scripts.run("take_run", root, id, server, takenMs));
      const run = fields === undefined ? undefined : runOfHash(id, hashOfPairs(list(fields)));
      return run && { run, nowMs: Number(now) };
    },
    async born(id, born) {
      if (born.length === 0) return;
      await scripts.run("bear_jobs", root, id, ...born.flatMap(({ index, job }) => [index, stampOfJob(job)]));
    },
    end,
    async drain(zone, limit) {
      const key = keyOf(keys.zone(zone), "run-ends");
      const told = await redis.zrange(key, "0", String(limit - 1));
      const byRun = new Map<string, TargetEnd[]>();
      for (const one of told) {
        const [run = "", index, job = "", state] = one.split(" ");
        const ends = byRun.get(run) ?? [];
        byRun.set(run, ends);
        ends.push({ index: Number(index), state: state as TargetState, job });
      }
      for (const [run, ends] of byRun) await end(run, ends);
      // Behind the run's own write: what is told twice counts once.
      if (told.length > 0) await redis.zrem(key, ...told);
      return told.length;
    },
    async retain({ succeededMs, failedMs }) {
      return Number(await scripts.run("retain_runs", root, retainLimit, succeededMs, failedMs, requestIdMs));
    },
  };
}
