import type { Connection } from "./call.js";
import { createPointsmanError, type PointsmanError } from "./errors.js";
import { isFinal } from "./job-state.js";
import { watchJob } from "./job-watch.js";
import { linkSignals } from "./link.js";
import type { Job } from "./v1.js";

/** How the end of a job is waited for. */
export interface WaitOptions {
  /** Ends the waiting, not the job. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds after which waiting ends with a PointsmanError of code "deadline_exceeded". Default: none. */
  readonly timeoutMs?: number | undefined;
  /** Headers beside those of the client. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Told whenever the watch was cut and is about to be resumed. */
  readonly onReconnect?: ((cuts: number, error: PointsmanError) => void) | undefined;
}

/** Watches a job to its end, then asks `get` for all of it. */
export async function waitForJob(
  connection: Connection,
  id: string,
  get: (
    id: string,
    options: { signal: AbortSignal; headers?: Readonly<Record<string, string>> | undefined },
  ) => Promise<Job>,
  { signal, timeoutMs, headers, onReconnect }: WaitOptions = {},
): Promise<Job> {
  const link = linkSignals(signal);
  let late = false;
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          late = true;
          link.abort();
        }, timeoutMs);
  try {
    for (;;) {
      const items = watchJob(connection, id, { skipHistory: true, signal: link.signal, headers, onReconnect });
      while (!(await items.next()).done);
      const job = await get(id, { signal: link.signal, headers });
      if (isFinal(job.state)) return job;
    }
  } catch (error) {
    if (!late) throw error;
    throw createPointsmanError(`job ${id} is not final after ${timeoutMs} ms`, {
      code: "deadline_exceeded",
      cause: error,
    });
  } finally {
    clearTimeout(timer);
    link.release();
  }
}
