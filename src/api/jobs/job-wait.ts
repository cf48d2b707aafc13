import type { Clock } from "../../domain/clock.js";
import { isFinal } from "../../domain/job-state.js";
import type { JobRecord } from "../../domain/job.js";
import type { Store } from "../../store/store.js";
import { createDirtyFlag } from "../dirty-flag.js";
import { pollMs } from "./job-watch.js";

interface WaitParts {
  readonly store: Pick<Store, "jobs" | "watches">;
  readonly clock: Clock;
}

/** A job, and the beginning of what it has printed where that was read along with it. */
export interface SeenJob {
  readonly job: JobRecord;
  readonly output?: Uint8Array;
}

/** What is read along with a job that may have ended: most outputs are no longer. */
const aheadBytes = 32_768;

/**
 * The job as it is when it is final, or after `waitMs`. Undefined when there is none. Rejects with the signal's reason
 * when that aborts first: the caller's deadline, its leaving, or the server's end.
 */
export async function waitForEnd(
  { store, clock }: WaitParts,
  id: string,
  waitMs: number,
  signal: AbortSignal,
): Promise<SeenJob | undefined> {
  const { jobs, watches } = store;
  if (waitMs <= 0) {
    const job = await jobs.get(id);
    return job && { job };
  }
  const untilMs = clock.monotonic() + waitMs;
  const news = createDirtyFlag(clock);
  const unsubscribe = watches.onJob(id, () => news.set());
  try {
    for (;;) {
      const seen = await jobs.getWithOutput(id, aheadBytes);
      const leftMs = untilMs - clock.monotonic();
      if (!seen || leftMs <= 0 || isFinal(seen.job.state)) return seen;
      await news.wait(Math.min(leftMs, pollMs), signal);
    }
  } finally {
    unsubscribe();
  }
}
