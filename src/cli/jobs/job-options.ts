import type { Command } from "commander";
import { timestampFromDate, type JobFilterInit } from "@pointsman/sdk";
import type { JobState } from "@pointsman/sdk/v1";
import { collect, collectPairs, collectStates, parseSince, UsageError } from "../terminal/parse.js";

/** The options by which jobs are chosen. */
export interface JobFilterOptions {
  readonly state?: readonly JobState[];
  readonly device?: readonly string[];
  readonly queue?: readonly string[];
  readonly worker?: readonly string[];
  readonly label?: Readonly<Record<string, string>>;
  readonly run?: readonly string[];
  readonly since?: string;
}

/** Gives a command those options. */
export function withJobFilter(command: Command): Command {
  return command
    .option("--state <state>", "by state; may be repeated or divided by commas", collectStates)
    .option("--device <name>", "by device name, address or address:port; may be repeated", collect)
    .option("--queue <line>", "by named queue, or by line, such as device/r1; may be repeated", collect)
    .option("--worker <name>", "by worker; may be repeated", collect)
    .option("--label <key=value>", "by label; all that are given must stand on the job", collectPairs("--label"))
    .option("--run <id>", "by run; may be repeated", collect)
    .option("--since <time>", "created since then: a time, or how long ago, such as 2h");
}

/** The filter they mean. */
export function jobFilterOf(options: JobFilterOptions, now: Date): JobFilterInit {
  return {
    states: [...(options.state ?? [])],
    devices: [...(options.device ?? [])],
    queues: [...(options.queue ?? [])],
    workers: [...(options.worker ?? [])],
    labels: { ...options.label },
    runs: [...(options.run ?? [])],
    ...(options.since === undefined ? {} : { createdAfter: timestampFromDate(parseSince(options.since, now)) }),
  };
}

/** Whether any of them is given. */
export function choosesJobs(options: JobFilterOptions): boolean {
  const { state, device, queue, worker, label, run, since } = options;
  return [state, device, queue, worker, label, run, since].some((option) => option !== undefined);
}

/** Whether jobs are named, or else chosen by options: one of the two, so that nothing said never means everything. */
export function namesJobs(ids: readonly string[], options: JobFilterOptions): boolean {
  const named = ids.length > 0;
  if (named !== choosesJobs(options)) return named;
  throw new UsageError(
    named ? "name jobs, or choose them by options, not both" : "which jobs? name them, or choose them by options",
  );
}
