import { type Effect, JobState } from "@pointsman/sdk/v1";

/** What the client of a chaos run knows of one job. */
export interface Entry {
  /** Unique; stands in each line that the job sends. */
  readonly key: string;
  readonly kind: "configure" | "read";
  readonly device: string;
  readonly platform: string;
  /** Times that Redis had come back with older data when its create was sent last. */
  sentAtLoss: number;
  /** Ids that creating it was answered with. More than one: an accepted create was lost, and repeated. */
  readonly ids: string[];
  /** What it is, as far as is known. */
  state?: JobState;
  effect?: Effect;
  /** Why it failed, or is in doubt. */
  reason?: string;
  intendedStep: number;
  confirmedStep: number;
  resolved: boolean;
  /** Was seen to have succeeded, at any time. */
  succeeded: boolean;
  /** Lines that the device had received when its doubt was resolved. */
  linesAtResolution?: number;
  /** What is wrong and cannot be seen at the end any more. */
  readonly problems: string[];
}

/** A line that a device received. */
export interface ReceivedLine {
  readonly device: string;
  /** One for each SSH connection. */
  readonly session: string;
  readonly key: string;
  readonly step: number;
}

/** What devices received of our jobs, in order. */
export interface Received {
  /** Lines of configuration that took effect, or may have. */
  readonly effective: readonly ReceivedLine[];
  /** How often each read was received, by key. */
  readonly reads: ReadonlyMap<string, number>;
}

const names = new Map<JobState | undefined, string>(Object.entries(JobState).map(([name, state]) => [state, name]));

/** "SUCCEEDED", …; "UNKNOWN" where there is no state. */
export function nameOf(state: JobState | undefined): string {
  return names.get(state) ?? "UNKNOWN";
}
