import type { Failure, ResolutionRecord } from "./job.js";
import type { JobState } from "./job-state.js";

/** How a command ended. */
export type CommandStatus = "OK" | "REJECTED" | "SKIPPED" | "INTERRUPTED";

/** How grave a remark is. */
export const logLevels = ["debug", "info", "warning", "error"] as const;
export type LogLevel = (typeof logLevels)[number];

/** The fact in a job's event, as stored. `command` counts from 1; offsets and lengths are bytes of the job's output. */
export type EventFact =
  | {
      readonly kind: "state";
      readonly state: JobState;
      readonly worker?: string;
      readonly error?: Failure;
      readonly retryMs?: number;
    }
  | { readonly kind: "output"; readonly command: number; readonly offset: number; readonly length: number }
  | { readonly kind: "started"; readonly command: number; readonly line: string }
  | {
      readonly kind: "ended";
      readonly command: number;
      readonly status: CommandStatus;
      readonly errorLines: readonly string[];
      readonly durationMs: number;
      readonly exitStatus?: number;
    }
  | { readonly kind: "log"; readonly level: LogLevel; readonly message: string }
  | { readonly kind: "progress"; readonly percent?: number; readonly message: string }
  | { readonly kind: "cancel"; readonly caller: string; readonly reason: string }
  | { readonly kind: "resolved"; readonly resolution: ResolutionRecord };

/** A numbered fact of one job. Numbers start at 1 and have no gaps. */
export interface EventRecord {
  readonly number: number;
  /** Milliseconds since the epoch, by the store's clock. */
  readonly timeMs: number;
  readonly attempt: number;
  readonly fact: EventFact;
}
