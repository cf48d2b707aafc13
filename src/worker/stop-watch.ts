import type { Logger } from "pino";
import type { Clock } from "../domain/clock.js";
import type { ChangeStop } from "../domain/policies.js";
import { type LeaseStore, StoreError } from "../store/store.js";

/** How often it is asked whether changes are stopped, while some run: a hint that says so can be lost. */
const askMs = 400;

/** Tells changes that run when changes are stopped. */
export interface StopWatch {
  /** A change runs from now on. Looks at once, and goes on looking as long as any runs. */
  begun(): void;
  /** A hint says that changes are stopped. */
  hinted(): void;
}

/** What it works with. A store that does not answer is asked again: the lease ends what runs without it. */
export interface StopWatchParts {
  readonly clock: Clock;
  readonly leases: Pick<LeaseStore, "stopped">;
  readonly zone: string;
  readonly logger: Logger;
  /** Whether a change runs. */
  readonly changing: () => boolean;
  /** Changes are stopped: those that run are to stop before their next line. */
  readonly stopped: (words: string) => void;
}

export function createStopWatch({ clock, leases, zone, logger, changing, stopped }: StopWatchParts): StopWatch {
  let planned: (() => void) | undefined;
  let asking = false;

  async function ask(): Promise<void> {
    planned?.();
    planned = undefined;
    if (asking) return;
    asking = true;
    try {
      const stop = await leases.stopped(zone);
      if (stop) stopped(stopWords(stop));
    } catch (error) {
      if (!(error instanceof StoreError)) logger.error({ err: error }, "whether changes are stopped is not known");
    } finally {
      asking = false;
      if (changing()) planned ??= clock.timer(askMs, () => void ask());
    }
  }

  return {
    begun() {
      planned ??= clock.timer(askMs, () => void ask());
    },
    hinted() {
      if (changing()) void ask();
    },
  };
}

/** What a job says that was stopped. */
function stopWords({ owner, reason }: ChangeStop): string {
  return `changes were stopped by ${owner}: ${reason}`;
}
