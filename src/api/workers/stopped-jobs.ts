import { create } from "@bufbuild/protobuf";
import { type StoppedJob, StoppedJobFate, StoppedJobSchema } from "@pointsman/sdk/v1";
import type { Clock } from "../../domain/clock.js";
import { isFinal } from "../../domain/job-state.js";
import type { JobRecord } from "../../domain/job.js";
import type { RunningAttempt, Store } from "../../store/store.js";
import { createDirtyFlag } from "../dirty-flag.js";
import { effectNumbers, stateNumbers } from "../jobs/job-enums.js";

/** Hints can be lost: the store is asked at least this often. Milliseconds. */
const lookMs = 250;

/** A job that ran where its worker was told. */
export interface ToldAttempt extends RunningAttempt {
  readonly worker: string;
  readonly zone: string;
}

/** Whether the stop of its worker, or the end of its session, cut a job short. */
export function interrupted({ fate }: StoppedJob): boolean {
  return fate === StoppedJobFate.HANDED_BACK || fate === StoppedJobFate.FAILED || fate === StoppedJobFate.INDETERMINATE;
}

/**
 * What becomes of attempts whose workers were told to stop, by worker and id. Waits until all are over and the workers
 * have let their devices go, but no longer than `timeoutMs`. Throws the signal's reason when that aborts.
 */
export async function awaitFates(
  { store, clock }: { readonly store: Pick<Store, "jobs" | "watches" | "workers">; readonly clock: Clock },
  told: { readonly running: readonly ToldAttempt[]; readonly workers: readonly string[]; readonly timeoutMs: number },
  signal: AbortSignal,
): Promise<StoppedJob[]> {
  const { timeoutMs } = told;
  const running = [...told.running].sort((a, b) => (`${a.worker} ${a.job}` < `${b.worker} ${b.job}` ? -1 : 1));
  const workers = new Set(told.workers);
  const news = createDirtyFlag(clock);
  const unsubscribe = running.map(({ job }) => store.watches.onJob(job, () => news.set()));
  const endMs = clock.monotonic() + timeoutMs;
  try {
    for (;;) {
      const records = await store.jobs.getMany(running.map(({ job }) => job));
      const jobs = running.map((attempt, index) => stoppedJob(attempt, records[index]));
      const leftMs = endMs - clock.monotonic();
      if (leftMs <= 0) return jobs;
      if (jobs.every(({ fate }) => fate !== StoppedJobFate.RUNNING)) {
        const living = (await store.workers.list()).some(({ name, state }) => workers.has(name) && state !== "dead");
        if (!living) return jobs;
      }
      await news.wait(Math.min(lookMs, leftMs), signal);
    }
  } finally {
    for (const stop of unsubscribe) stop();
  }
}

function stoppedJob({ job: id, attempt, worker, endpoint }: ToldAttempt, job: JobRecord | undefined): StoppedJob {
  // Purged, so it had ended.
  if (!job) return create(StoppedJobSchema, { id, worker, device: endpoint, fate: StoppedJobFate.ENDED });
  return create(StoppedJobSchema, {
    ...{ id, worker, device: job.device ?? job.address, fate: fateOf(job, attempt), state: stateNumbers[job.state] },
    ...(job.effect && isFinal(job.state) ? { effect: effectNumbers[job.effect] } : {}),
    holdsDevice: job.state === "INDETERMINATE" && job.resolution === undefined,
  });
}

/** What became of one attempt; the job may be in another by now. */
function fateOf(job: JobRecord, attempt: number): StoppedJobFate {
  const its = job.attempts[attempt - 1];
  const cut = its?.error?.reason === "WORKER_LOST" || its?.error?.reason === "SESSION_CLOSED";
  if (job.attempt === attempt && isFinal(job.state)) {
    if (job.state === "INDETERMINATE") return StoppedJobFate.INDETERMINATE;
    return cut ? StoppedJobFate.FAILED : StoppedJobFate.ENDED;
  }
  if (its?.endMs === undefined && job.attempt === attempt) return StoppedJobFate.RUNNING;
  return cut ? StoppedJobFate.HANDED_BACK : StoppedJobFate.ENDED;
}
