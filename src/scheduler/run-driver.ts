import { createLoop, type Service } from "../domain/service.js";
import { jobStamp } from "../domain/job-id.js";
import { isFinal } from "../domain/job-state.js";
import type { NewJob } from "../domain/job.js";
import { batchAt, nextStep, type RolloutStep, type TargetTies } from "../domain/rollout.js";
import type { DueTarget, MakeRunJobs, RunRecord } from "../domain/run.js";
import type { TargetState } from "../domain/run-state.js";
import { type DrivenRun, type RunChange, type Store, StoreError, type TargetEnd } from "../store/store.js";
import type { Parts } from "./every-zone.js";
import { createRunStopper } from "./run-stopper.js";

/** Runs, and what they wait for, are looked at this often. */
const lookMs = 200;
/** One with which there was nothing to do is looked at again after this long although nothing changed. */
const idleMs = 2_000;
/** Targets started, and jobs made, at a time. */
const chunk = 200;
/** Jobs that have started are compared with their run this often, in case the store forgot an end. */
const compareMs = 10_000;
const comparePiece = 500;
/** A job that is only made to be cancelled must not start before that. */
const asleepMs = 3_600_000;

/** What driving runs needs. */
export interface RunDriverParts extends Omit<Parts, "store"> {
  readonly store: Pick<Store, "runs" | "jobs" | "zones">;
  /** Names this server among those that drive runs. */
  readonly server: string;
  /** Makes the jobs of targets, or says why there can be none any more. */
  readonly makeJobs: MakeRunJobs;
}

/**
 * Takes every run that has not ended a step further, as long as there is one to take: starts targets, makes their jobs,
 * stops, ends. Every server does it; a run is in the hands of one at a time, and whatever is decided holds only for the
 * revision of the run that it was decided on. A server that dies leaves nothing undone: targets that started and have no
 * job yet are seen by the next, and a job is made under the same id whoever makes it.
 */
export function createRunDriver(parts: RunDriverParts): Service {
  const { store, clock, logger } = parts;
  const ties = new Map<string, readonly TargetTies[]>();
  const compared = new Map<string, { atMs: number; from: number }>();
  const stopper = createRunStopper(store, clock);
  /** Runs with which there was nothing to do, at which revision and when that was seen. */
  const idle = new Map<string, { readonly revision: number; readonly atMs: number }>();

  /** Whether a run has to be looked at: nothing comes of one that is where it was, but by time or by a fault. */
  function isDue(id: string, revision: number): boolean {
    const seen = idle.get(id);
    return seen?.revision !== revision || clock.monotonic() - seen.atMs >= idleMs;
  }

  /** Whether more is to be done at once. */
  async function drive(id: string): Promise<boolean> {
    const driven = await store.runs.take(id, parts.server);
    if (!driven) return false;
    const { run } = driven;
    idle.delete(id);
    const { from, to } = run.batch === 0 ? { from: 0, to: 0 } : batchAt(run.rollout, run.total, run.batch);
    const codes = to > from ? await store.runs.codes(id, from, to - from) : "";
    const unborn = placesOf(codes, "s", chunk).map((place) => from + place);
    if (unborn.length > 0) await bear(run, unborn);
    if (run.state === "CANCELLING")
      await stopper.stop(
        run,
        placesOf(codes, "j", codes.length).map((at) => from + at),
      );
    await compare(run);
    const step = nextStep(
      { ...driven.run, nowMs: driven.nowMs, rule: run.rollout, codes, ties: await tiesOf(run) },
      chunk,
    );
    const more = (await carryOut(driven, step)) || unborn.length === chunk;
    const waits = run.nextMs !== undefined && run.nextMs > driven.nowMs;
    if (!more && step.kind === "wait" && unborn.length === 0 && !waits && !isEnding(run)) {
      idle.set(id, { revision: run.revision, atMs: clock.monotonic() });
    }
    return more;
  }

  async function carryOut({ run }: DrivenRun, step: RolloutStep): Promise<boolean> {
    if (step.kind === "wait") return false;
    if (step.kind === "start") return start(run, step.targets);
    return store.runs.change(run.id, run.revision, changeOf(step));
  }

  async function start(run: RunRecord, indexes: readonly number[]): Promise<boolean> {
    const [targets, zones] = await Promise.all([store.runs.targets(run.id, indexes), store.zones()]);
    const startMs = clock.now();
    const started = indexes.map((index, i) => ({
      index,
      stamp: jobStamp(startMs, zones.get(targets[i]?.zone ?? "") ?? 0),
    }));
    if (!(await store.runs.change(run.id, run.revision, { start: started }))) return true;
    await bear(run, indexes);
    return true;
  }

  /** Makes the jobs of targets that have started. */
  async function bear(run: RunRecord, indexes: readonly number[]): Promise<void> {
    const [targets, progress] = await Promise.all([
      store.runs.targets(run.id, indexes),
      store.runs.progress(run.id, indexes),
    ]);
    const due = progress.flatMap(({ index, state, job }, i): DueTarget[] => {
      const record = targets[i];
      return state === "STARTED" && job !== undefined && record ? [{ index, record, job }] : [];
    });
    const made = await parts.makeJobs(run, due);
    const ended: TargetEnd[] = [];
    const jobs: NewJob[] = [];
    made.forEach((one, i) => {
      const index = due[i]?.index ?? 0;
      if (!("id" in one)) ended.push({ index, state: "FAILED", error: one });
      // In a run that ends, nothing may start that has not: it is made so that nobody can make it any more.
      else jobs.push(isEnding(run) ? { ...one, startAfterMs: clock.now() + asleepMs } : one);
    });
    const born: { index: number; job: string }[] = [];
    const results = jobs.length > 0 ? await store.jobs.createMany(jobs) : [];
    for (const [i, result] of results.entries()) {
      const index = jobs[i]?.run?.index ?? 0;
      if ("job" in result) born.push({ index, job: result.job.id });
      else if (!isPassing(result)) {
        ended.push({ index, state: "FAILED", error: { reason: result.reason, message: result.message } });
      }
    }
    await store.runs.born(run.id, born);
    if (ended.length > 0) await store.runs.end(run.id, ended);
    if (isEnding(run)) {
      const how = { interruptRunning: false, caller: run.changedBy, reason: run.reason };
      await Promise.all(born.map(({ job }) => store.jobs.cancel(job, how)));
    }
  }

  /** Looks at some of the jobs that the run takes for live ones: the store may have lost the news of an end, or a job. */
  async function compare(run: RunRecord): Promise<void> {
    const { atMs, from } = compared.get(run.id) ?? { atMs: clock.monotonic(), from: 0 };
    if (run.counts.STARTED === 0 || clock.monotonic() - atMs < compareMs) {
      if (!compared.has(run.id)) compared.set(run.id, { atMs, from });
      return;
    }
    const codes = await store.runs.codes(run.id, from, run.total - from);
    const indexes = placesOf(codes, "j", comparePiece).map((place) => from + place);
    const last = indexes.length === comparePiece ? (indexes.at(-1) ?? 0) + 1 : 0;
    compared.set(run.id, { atMs: last > 0 ? atMs : clock.monotonic(), from: last });
    const progress = await store.runs.progress(run.id, indexes);
    const jobs = await store.jobs.getMany(progress.map(({ job }) => job ?? ""));
    const ends = progress.flatMap(({ index }, i): TargetEnd[] => {
      const job = jobs[i];
      return job && isFinal(job.state) ? [{ index, state: job.state as TargetState, job: job.id }] : [];
    });
    if (ends.length > 0) await store.runs.end(run.id, ends);
    const lost = progress.flatMap(({ index }, i) => (jobs[i] ? [] : [index]));
    if (lost.length > 0) await bear(run, lost.slice(0, chunk));
  }

  async function tiesOf(run: RunRecord): Promise<(index: number) => TargetTies> {
    if (!run.rollout.grouped && run.rollout.laneLimits.length === 0) return () => ({});
    let known = ties.get(run.id);
    if (!known) {
      const read: TargetTies[] = [];
      for (let from = 0; from < run.total; from += 1_000) {
        const indexes = Array.from({ length: Math.min(1_000, run.total - from) }, (_, i) => from + i);
        for (const { group, lanes } of await store.runs.targets(run.id, indexes)) {
          read.push({ ...(group === undefined ? {} : { group }), ...(lanes === undefined ? {} : { lanes }) });
        }
      }
      ties.set(run.id, (known = read));
    }
    const all = known;
    return (index) => all[index] ?? {};
  }

  async function survive<T>(run: string | undefined, call: () => Promise<T>): Promise<T | undefined> {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof StoreError)) logger.error({ err: error, run }, "driving runs failed once");
      return undefined;
    }
  }

  return createLoop(
    async (signal) => {
      while (!signal.aborted) {
        const active = (await survive(undefined, () => store.runs.active())) ?? new Map<string, number>();
        for (const memory of [ties, compared, idle]) {
          for (const id of memory.keys()) if (!active.has(id)) memory.delete(id);
        }
        stopper.keep(active);
        const due = [...active].flatMap(([id, revision]) => (isDue(id, revision) ? [id] : []));
        const more = await Promise.all(due.map((id) => survive(id, () => drive(id))));
        if (!more.includes(true)) await clock.sleep(lookMs, signal).catch(() => undefined);
      }
    },
    (error) => logger.error({ err: error }, "driving runs stopped"),
  );
}

/** What a step changes of its run. */
function changeOf(step: Exclude<RolloutStep, { kind: "wait" | "start" }>): RunChange {
  switch (step.kind) {
    case "batch": {
      const { number: batch, waitMs, hold } = step;
      return { batch, waitMs, ...(hold === undefined ? {} : { state: "PAUSED", reason: hold, changedBy: "" }) };
    }
    case "stop":
      return { state: "STOPPING", reason: step.reason, changedBy: "", leaveRest: true };
    case "pause":
      return { state: "PAUSED", reason: step.reason, changedBy: "" };
    case "end":
      return { state: step.state };
  }
}

function isEnding({ state }: RunRecord): boolean {
  return state === "CANCELLING" || state === "STOPPING";
}

/** What another try can mend. */
const passing: ReadonlySet<string> = new Set([
  "STORE_UNAVAILABLE",
  "STORE_RECONCILING",
  "STORE_UNFIT",
  "NOT_REPLICATED",
]);

function isPassing({ reason }: StoreError): boolean {
  return passing.has(reason);
}

/** Places of a letter, at most `limit`. */
function placesOf(codes: string, code: string, limit: number): number[] {
  const places: number[] = [];
  for (let at = codes.indexOf(code); at >= 0 && places.length < limit; at = codes.indexOf(code, at + 1))
    places.push(at);
  return places;
}
