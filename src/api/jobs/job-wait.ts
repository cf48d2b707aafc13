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

/**
 * The job as it is when it is final, or after `waitMs`. Undefined when there is none. Rejects with the signal's reason
 * when that aborts first: the caller's deadline, its leaving, or the server's end.
 */
export async function waitForEnd(
  { store, clock }: WaitParts,
  id: string,
  waitMs: number,
  signal: AbortSignal,
): Promise<JobRecord | undefined> {
  const { jobs, watches } = store;
  if (waitMs <= 0) return await jobs.get(id);
  const untilMs = clock.monotonic() + waitMs;
  const news = createDirtyFlag(clock);
  const unsubscribe = watches.onJob(id, () => news.set());
  try {
    for (;;) {
      const job = await jobs.get(id);
      const leftMs = untilMs - clock.monotonic();
      if (!job || leftMs <= 0 || isFinal(job.state)) return job;
      await news.wait(Math.min(leftMs, pollMs), signal);
    }
  } finally {
    unsubscribe();
  }
}
