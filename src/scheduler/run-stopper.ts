import type { Clock } from "../domain/clock.js";
import type { RunRecord } from "../domain/run.js";
import type { Store } from "../store/store.js";

/** Jobs cancelled at a time. */
const chunk = 200;
/** All are gone over again after this long: one that ran may wait for another attempt by now. */
const againMs = 5_000;

/** Cancels the jobs of runs that are being cancelled, some at a time. */
export interface RunStopper {
  /** Goes on with a run; `started` are the targets whose jobs have not ended as far as the run knows. */
  stop(run: RunRecord, started: readonly number[]): Promise<void>;
  /** Forgets runs that are not among these. */
  keep(active: { has(id: string): boolean }): void;
}

export function createRunStopper({ runs, jobs }: Pick<Store, "runs" | "jobs">, clock: Clock): RunStopper {
  const rounds = new Map<string, { behind: number; interrupt: boolean; sinceMs: number }>();
  return {
    async stop(run, started) {
      const { interrupt } = run;
      let round = rounds.get(run.id);
      if (!round || round.interrupt !== interrupt || clock.monotonic() - round.sinceMs >= againMs) {
        rounds.set(run.id, (round = { behind: -1, interrupt, sinceMs: clock.monotonic() }));
      }
      const { behind } = round;
      const part = started.filter((index) => index > behind).slice(0, chunk);
      const how = { interruptRunning: interrupt, caller: run.changedBy, reason: run.reason };
      const progress = await runs.progress(run.id, part);
      await Promise.all(progress.map(async ({ job }) => job !== undefined && (await jobs.cancel(job, how))));
      round.behind = part.at(-1) ?? behind;
      if (part.length > 0) round.sinceMs = clock.monotonic();
    },
    keep(active) {
      for (const id of rounds.keys()) if (!active.has(id)) rounds.delete(id);
    },
  };
}
