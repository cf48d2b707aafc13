import type { Effect, Failure, JobRecord, NewJob } from "./job.js";
import type { JobState } from "./job-state.js";
import type { TaskCommandAnswer, TaskConfiguration, TaskConfigurationAnswer } from "./task-runner.js";

/** What a task asks for on a device that is not its own. */
export type ChildWork =
  | {
      readonly kind: "commands";
      readonly commands: readonly string[];
      readonly answers: Readonly<Record<string, string>>;
      readonly idleTimeoutMs: number;
      readonly enable: boolean;
      readonly allowRejected: boolean;
    }
  | (TaskConfiguration & { readonly kind: "configure" });

/** One job that a task wants. */
export interface ChildWish {
  /** The task's own job: the new one is created in its creator's name, with its labels. */
  readonly parent: JobRecord;
  /** Name of a device of the inventory. */
  readonly device: string;
  readonly work: ChildWork;
  /** Which of the attempt's jobs it is, from 1. */
  readonly number: number;
  /** How long its task goes on at most: it waits no longer, and runs no longer. Milliseconds. */
  readonly leftMs: number;
}

/** How a child job ended. */
export interface ChildEnd {
  readonly state: JobState;
  readonly effect?: Effect;
  readonly error?: Failure;
  /** What its commands gave, those that were skipped left out. */
  readonly commands: readonly TaskCommandAnswer[];
  /** What became of its configuration. */
  readonly configuration?: TaskConfigurationAnswer;
  /** Not all that it printed was kept. */
  readonly outputLost: boolean;
}

/** A child job that may not be, for a reason of the error registry. */
export class ChildRefused extends Error {
  override readonly name = "ChildRefused";
  readonly reason: string;
  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** How a child job is cancelled. */
export interface ChildCancel {
  /** Also where it runs. */
  readonly interruptRunning: boolean;
  readonly caller: string;
  readonly reason: string;
}

/**
 * Jobs that tasks ask for. They are made as those of any caller, and are like any other from then on. Every call rejects with
 * a StoreError when the store is away.
 */
export interface ChildJobs {
  /** Makes a job of a wish, as creating one does. Nothing is stored. Rejects with ChildRefused. */
  prepare(wish: ChildWish): Promise<NewJob>;
  /** Queues it, once however often it is called. Rejects with ChildRefused for what will not change. */
  create(job: NewJob): Promise<void>;
  /** Resolves when it has ended, or with undefined when there is none. Rejects with the signal's reason when that aborts first. */
  ended(id: string, signal: AbortSignal): Promise<ChildEnd | undefined>;
  /** Cancels it; of one that there is not, that has ended, or that runs and is not to be interrupted, nothing becomes. */
  cancel(id: string, how: ChildCancel): Promise<void>;
}
