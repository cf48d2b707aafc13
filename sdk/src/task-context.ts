/** What a task works with. */
export interface TaskContext<Input> {
  /** What the job was asked with. It fits the type's schema. */
  readonly input: Input;
  /** The job's id: the same in every attempt. */
  readonly job: string;
  /** 1 for the first, and so on. */
  readonly attempt: number;
  /** How often the job has put itself off before. */
  readonly deferrals: number;
  /** The job's labels. */
  readonly labels: Readonly<Record<string, string>>;
  readonly zone: string;
  /** The machine that it runs on. */
  readonly node: string;
  /**
   * Aborts when the job has to stop: it was cancelled, its worker stops, or changes were stopped. A task that goes on is
   * ended some seconds later; one whose time is over is ended at once.
   */
  readonly signal: AbortSignal;
  /** Writes a remark into the job's history. 10,000 of them are kept of an attempt, 1 MiB in all. Default level "info". */
  log(message: string, level?: "debug" | "info" | "warning" | "error"): void;
  /** Says how much is done, from 0 to 100, and what is being done. Of many in a row the latest is kept. */
  progress(percent: number | undefined, message?: string): void;
  /** The job's own device: it holds it, and its lines go through one session. Throws when the job has none. */
  device(): TaskOwnDevice;
  /**
   * A device of the inventory, of any zone, for a job that has none itself: each call is a job of its own there, in the same
   * line and under the same rules as any other, and the promise is its end. What this job has of labels, priority,
   * `failIfBlocked` and durability holds for it; it waits and runs no longer than this job may, and is cancelled with it. At
   * one device a call begins when the one before it has ended; at several they go on at the same time, 64 of them, and at
   * most 10,000 in an attempt. Throws when the job holds another device: what holds one and waits for the next could wait
   * for ever.
   */
  device(name: string): TaskDevice;
  /**
   * For AT_MOST_ONCE work: the point of no return. To be awaited before the first change that is not made by
   * the device's `run` or `configure`; those do it by themselves, and so does the beginning of a task that has no device and
   * does not say that it `declaresIntent`. After it the job is
   * not done again, whatever happens. Rejects when the work must not go on.
   */
  intent(): Promise<void>;
  /**
   * Ends this attempt and begins the job anew after `delayMs` (1 s to 24 h), without using an attempt, as often as the type
   * allows. Not after the point of no return. Throws: nothing behind it runs.
   */
  defer(delayMs: number, reason: string): never;
}

/** A device. */
export interface TaskDevice {
  /** Its name in the inventory; its address when it is not there. */
  readonly name: string;
  /**
   * Types one command line, and resolves with what was printed, secrets taken out. It also stands in the output of the job
   * that held the device: this one, or its own. Rejects with a {@link TaskDeviceError}: DEVICE_REJECTED, DISCONNECTED and the
   * others that jobs have. A task that does not catch it fails with it.
   */
  run(command: string, options?: TaskCommandOptions): Promise<TaskCommandResult>;
  /**
   * Types several, one after the other, up to the first that fails: at another device they are one job, and none where there
   * is no line.
   */
  run(commands: readonly string[], options?: TaskCommandOptions): Promise<readonly TaskCommandResult[]>;
  /**
   * Enters the configuration, types lines of it (a text, or one by one), commits them where that is the platform's way, and
   * leaves it, as a job of the kind `configure` does. It stops at the first line that is rejected, and rejects with
   * DEVICE_REJECTED: what is not in force by then never is; where each line is at once, those before it are.
   */
  configure(lines: string | readonly string[], options?: TaskConfigureOptions): Promise<TaskConfigureResult>;
}

/** The device that a job holds. */
export interface TaskOwnDevice extends TaskDevice {
  readonly address: string;
  readonly platform: string;
}

/** How a configuration is made. */
export interface TaskConfigureOptions {
  /** Only says what it would change; READ_ONLY tasks may, too. Default false. */
  readonly plan?: boolean | undefined;
  /** Saves what runs behind it. Default false. */
  readonly save?: boolean | undefined;
  /** Also where the platform's way to do it is known from documents alone. Default false. */
  readonly acceptUnproven?: boolean | undefined;
}

/** What became of a configuration. */
export interface TaskConfigureResult {
  /** What it changed, in the device's own words where it has a candidate; of a plan always. Else empty. */
  readonly diff: string;
  /** It took effect. */
  readonly committed: boolean;
  readonly saved: boolean;
}

/** How a command line is met. */
export interface TaskCommandOptions {
  /** Answers by question: literal text at the end of the line on which the device waits, such as "[confirm]". */
  readonly answers?: Readonly<Record<string, string>> | undefined;
  /** The longest silence to accept while it runs, in milliseconds. Default 30,000. */
  readonly idleTimeoutMs?: number | undefined;
  /** "enable": in the privileged mode. Default "login". */
  readonly privilege?: "login" | "enable" | undefined;
  /**
   * Resolves also when the device rejects the line, and goes on with the next. Default: rejects with DEVICE_REJECTED.
   * Several lines at another device must all only read for it (NOT_READ_ONLY; nothing is typed): a job does not go on
   * behind a change that was rejected. One line may change something there as well.
   */
  readonly allowRejected?: boolean | undefined;
}

/** What a command line gave. */
export interface TaskCommandResult {
  /** Without echo and prompt. */
  readonly output: string;
  readonly status: "ok" | "rejected";
  /** The lines in which the device reports an error. */
  readonly errorLines: readonly string[];
  readonly durationMs: number;
  readonly exitStatus?: number;
}

/** Why a command line could not be run. */
export interface TaskDeviceError extends Error {
  readonly name: "TaskDeviceError";
  /** A stable reason, such as "DISCONNECTED". */
  readonly reason: string;
  /** The device's own words. */
  readonly deviceMessage?: string;
  /** At another device: the job that did the work there, if there was one, and the device. */
  readonly job?: string;
  readonly device?: string;
  /** How that job ended. INDETERMINATE: its outcome is not known, and the device is held until somebody says what became of it. */
  readonly state?: "FAILED" | "CANCELLED" | "EXPIRED" | "INDETERMINATE";
  /** How much of it took effect there. */
  readonly effect?: "NONE" | "PARTIAL" | "COMPLETE";
}

/** Whether a command line failed, and not the task itself. */
export function isTaskDeviceError(error: unknown): error is TaskDeviceError {
  return error instanceof Error && error.name === "TaskDeviceError";
}

/** A failure with a code of the task's own, and whether another attempt may mend it. */
export class TaskError extends Error {
  override readonly name = "TaskError";
  readonly code: string | undefined;
  readonly retry: boolean;
  readonly retryAfterMs: number | undefined;
  /**
   * `code`: a short word of the task's own for what went wrong; it stands in the error's metadata. `retry`: tries again as the
   * job's retry says, not before `retryAfterMs` (at most 24 h); default false. AT_MOST_ONCE work is not tried again after
   * its point of no return.
   */
  constructor(
    message: string,
    options: ErrorOptions & {
      readonly code?: string | undefined;
      readonly retry?: boolean | undefined;
      readonly retryAfterMs?: number | undefined;
    } = {},
  ) {
    super(message, options);
    this.code = options.code;
    this.retry = options.retry ?? false;
    this.retryAfterMs = options.retryAfterMs;
  }
}
