import type { CallOptions, Connection } from "./call.js";
import { createPointsmanError, type PointsmanError } from "./errors.js";
import { isFinal } from "./job-state.js";
import { linkSignals } from "./link.js";
import { resume } from "./resume.js";
import { after } from "./time.js";
import type { Job } from "./v1.js";

/** How the end of a job is waited for. */
export interface WaitOptions {
  /** Ends the waiting, not the job. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds after which waiting ends with a PointsmanError of code "deadline_exceeded". Default: none. */
  readonly timeoutMs?: number | undefined;
  /** Headers beside those of the client. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Told whenever the waiting was cut and is about to be resumed. */
  readonly onReconnect?: ((cuts: number, error: PointsmanError) => void) | undefined;
}

/** One call waits this long for the end, and as long again for an answer: then the connection counts as cut. */
const callMs = 20_000;

/**
 * Asks for the whole of a job, in calls that wait for its end, whatever it prints. `answered`: the service has just
 * answered another call, and is waited for when it goes away. `spentMs` of the time is over already.
 */
export async function waitForJob(
  connection: Connection,
  id: string,
  get: (id: string, options: CallOptions & { readonly waitMs?: number }) => Promise<Job>,
  options: WaitOptions & { readonly answered?: boolean; readonly spentMs?: number } = {},
): Promise<Job> {
  const { signal, timeoutMs = Infinity, headers, onReconnect, answered, spentMs = 0 } = options;
  const link = linkSignals(signal);
  let late = false;
  const cancel = after(Math.max(1, timeoutMs - spentMs), () => {
    late = true;
    link.abort();
  });
  let asked = answered ?? false;
  const answers = {
    async *open(opened: AbortSignal): AsyncGenerator<Job> {
      // A call that waits answers late: only one that does not tells a service that restarts from one that never was.
      if (!asked) yield await get(id, { signal: opened, headers });
      asked = true;
      for (;;) yield await get(id, { signal: opened, headers, waitMs: callMs, timeoutMs: callMs });
    },
    ends: () => false,
    recover: ({ code }: PointsmanError) => code === "deadline_exceeded",
  };
  try {
    for await (const job of resume(connection, answers, { signal: link.signal, onReconnect, answered })) {
      if (isFinal(job.state)) return job;
    }
    throw new Error("waiting for a job has no other end");
  } catch (error) {
    if (!late) throw error;
    throw createPointsmanError(`job ${id} is not final after ${timeoutMs} ms`, {
      code: "deadline_exceeded",
      cause: error,
    });
  } finally {
    cancel();
    link.release();
  }
}
