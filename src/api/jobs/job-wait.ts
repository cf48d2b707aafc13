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

/** What is read along with a job that may have ended: most outputs are no longer. Of one that is, it would save nothing. */
const aheadBytes = 32_768;

/**
 * The job as it is when it is final, or after `waitMs`. Undefined when there is none. Rejects with the signal's reason
 * when that aborts first: the caller's deadline, its leaving, or the server's end. `first` is how it is seen the first
 * time, with news being listened for: by creating it, say. By default it is read.
 */
export async function waitForEnd(
  { store, clock }: WaitParts,
  id: string,
  waitMs: number,
  signal: AbortSignal,
  first?: () => Promise<SeenJob | undefined>,
): Promise<SeenJob | undefined> {
  const { jobs, watches } = store;
  const readWhole = async (): Promise<SeenJob | undefined> => await jobs.getWithOutput(id, aheadBytes);
  const readAlone = async (): Promise<SeenJob | undefined> => {
    const job = await jobs.get(id);
    return job && { job };
  };
  if (waitMs <= 0 && !first) return await readAlone();
  const untilMs = clock.monotonic() + waitMs;
  const news = createDirtyFlag(clock);
  // Its first event is that it was created.
  const unsubscribe = watches.onJob(id, (lastEvent, goesOn) => lastEvent > 1 && !goesOn && news.set());
  let look = first ?? readWhole;
  try {
    for (;;) {
      const seen = await look();
      look = (seen?.job.outputBytes ?? 0) <= aheadBytes ? readWhole : readAlone;
      const leftMs = untilMs - clock.monotonic();
      if (!seen || leftMs <= 0 || isFinal(seen.job.state)) return seen;
      await news.wait(Math.min(leftMs, pollMs), signal);
    }
  } finally {
    unsubscribe();
  }
}
