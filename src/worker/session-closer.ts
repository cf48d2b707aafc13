import type { SessionPool } from "../device/index.js";
import type { Clock } from "../domain/clock.js";
import type { SessionEnd } from "../store/store.js";
import type { Attempt } from "./attempt.js";

/** How long a change may wait for its answer when its session is closed. */
const answerMs = 1_500;

/**
 * Closes sessions that somebody wants closed: one that waits for work at once, one in use when its job is done with it,
 * or has been cut. An attempt that has no session yet is cut while it connects, and one that it has by then is let go
 * of. Answers whether it is gone by now; a session that is being closed already is left to that.
 */
export function createSessionCloser({
  clock,
  pool,
  attempts,
  letGo,
}: {
  readonly clock: Clock;
  readonly pool: Pick<SessionPool, "retire">;
  readonly attempts: ReadonlyMap<string, Pick<Attempt, "holder" | "stop" | "cut" | "ended">>;
  /** Closes what waits for work at an endpoint. */
  readonly letGo: (endpoint: string) => Promise<void>;
}): (end: SessionEnd) => Promise<boolean> {
  const closing = new Set<number>();

  async function cut(job: string, fence?: string): Promise<void> {
    const attempt = attempts.get(job);
    if (!attempt || (fence !== undefined && attempt.holder.fence !== fence)) return;
    attempt.stop("kick");
    const cancel = clock.timer(answerMs, () => attempt.cut());
    await attempt.ended.finally(cancel);
    if (fence !== undefined) await letGo(attempt.holder.endpoint);
  }

  return async ({ number, job, fence }) => {
    if (closing.has(number)) return false;
    closing.add(number);
    try {
      if (job !== undefined && fence !== undefined) {
        await cut(job, fence);
        return true;
      }
      if (await pool.retire(number)) return true;
      if (job === undefined) return false;
      await cut(job);
      return await pool.retire(number);
    } finally {
      closing.delete(number);
    }
  };
}
