import { createClient } from "@connectrpc/connect";
import type { Connection } from "./call.js";
import { jobFilter, type JobFilterInit } from "./job-filter.js";
import type { WatchOptions } from "./job-watch.js";
import { resume } from "./resume.js";
import { durationFromMs } from "./time.js";
import { JobService, type Job } from "./v1.js";

/** How many jobs are watched. */
export interface WatchJobsOptions extends WatchOptions {
  /** From an earlier item: goes on behind it, without the jobs there are. */
  readonly cursor?: string | undefined;
  /** Leaves out the jobs there are. Default false. */
  readonly skipInitial?: boolean | undefined;
}

/**
 * One thing seen while watching jobs. `restarted`: what was seen before may be out of date; every job that meets the
 * filter comes again, then `synced`. `cursor` resumes behind the item; it is empty before `synced`.
 */
export type JobsWatchItem =
  | { readonly kind: "changed"; readonly job: Job; readonly cursor: string }
  | { readonly kind: "removed"; readonly id: string; readonly cursor: string }
  | { readonly kind: "synced"; readonly cursor: string }
  | { readonly kind: "restarted"; readonly cursor: string };

const defaultHeartbeatMs = 15_000;

/** Follows every job that a filter meets: those there are, `synced`, then each change as it happens. Never ends by itself. */
export async function* watchJobs(
  connection: Connection,
  filter: JobFilterInit = {},
  options: WatchJobsOptions = {},
): AsyncGenerator<JobsWatchItem, void, undefined> {
  const client = createClient(JobService, connection.transport);
  const heartbeatMs = options.heartbeatMs ?? defaultHeartbeatMs;
  let cursor = options.cursor ?? "";
  let skipInitial = options.skipInitial ?? false;
  let seen = false;
  let restart = false;

  const messages = resume(
    connection,
    {
      open: (signal) => {
        // Without a cursor the jobs there are come (again): who has seen some of them must know.
        restart = seen && cursor === "";
        return client.watchJobs(
          {
            filter: jobFilter(filter),
            cursor,
            skipInitial: cursor === "" && skipInitial,
            heartbeatInterval: durationFromMs(heartbeatMs),
          },
          { signal, timeoutMs: 0, headers: { ...connection.headers, ...options.headers } },
        );
      },
      ends: () => false,
      recover: (error) => {
        if (error.code !== "out_of_range" || cursor === "") return false;
        cursor = "";
        skipInitial = false;
        seen = true;
        return true;
      },
    },
    { signal: options.signal, idleMs: heartbeatMs * 3, onReconnect: options.onReconnect },
  );
  let synced = false;
  for await (const message of messages) {
    if (restart) {
      restart = false;
      synced = false;
      yield { kind: "restarted", cursor: "" };
    }
    // The jobs there are come in no order that a cursor could name, so one is only kept once they are all here.
    if (cursor !== "" || message.item.case === "synced") cursor = message.cursor;
    const item = message.item;
    switch (item.case) {
      case "changed":
        seen = true;
        yield { kind: "changed", job: item.value, cursor };
        break;
      case "removed":
        seen = true;
        yield { kind: "removed", id: item.value, cursor };
        break;
      case "synced":
        seen = true;
        skipInitial = false;
        if (synced) break;
        synced = true;
        yield { kind: "synced", cursor };
        break;
      case "heartbeat":
      case undefined:
        break;
    }
  }
}
