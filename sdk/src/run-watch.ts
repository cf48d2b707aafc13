import { createClient } from "@connectrpc/connect";
import type { Connection } from "./call.js";
import type { WatchOptions } from "./job-watch.js";
import { resume } from "./resume.js";
import { isRunFinal } from "./run-state.js";
import { durationFromMs } from "./time.js";
import { RunService, type Run, type RunCounts, type RunState, type RunTargetStatus } from "./v1.js";

/** How a run is watched. */
export interface WatchRunOptions extends WatchOptions {
  /** From an earlier item: goes on behind it, without the run as it is. */
  readonly cursor?: string | undefined;
}

/** One thing seen while watching a run. `cursor` resumes behind it. */
export type RunWatchItem =
  /** The run as it is: at the beginning, and whenever its state or batch changed. */
  | { readonly kind: "run"; readonly run: Run; readonly cursor: string }
  /** A target that ended, and how many were where then. */
  | { readonly kind: "ended"; readonly target: RunTargetStatus; readonly counts: RunCounts; readonly cursor: string }
  | { readonly kind: "synced"; readonly cursor: string };

const defaultHeartbeatMs = 15_000;

/**
 * Follows one run to its end: as it is, every end of a target so far, `synced`, then everything as it happens. Cuts are
 * resumed; when the history behind the cursor is gone, it starts over, and ends that were told come again.
 */
export async function* watchRun(
  connection: Connection,
  id: string,
  options: WatchRunOptions = {},
): AsyncGenerator<RunWatchItem, void, undefined> {
  const client = createClient(RunService, connection.transport);
  const heartbeatMs = options.heartbeatMs ?? defaultHeartbeatMs;
  let cursor = options.cursor ?? "";
  let synced = false;
  let state: RunState | undefined;

  const messages = resume(
    connection,
    {
      open: (signal) =>
        client.watchRun(
          { id, cursor, heartbeatInterval: durationFromMs(heartbeatMs) },
          { signal, timeoutMs: 0, headers: { ...connection.headers, ...options.headers } },
        ),
      ends: () => state === undefined || isRunFinal(state),
      recover: (error) => {
        if (error.code !== "out_of_range" || cursor === "") return false;
        cursor = "";
        return true;
      },
    },
    { signal: options.signal, idleMs: heartbeatMs * 3, onReconnect: options.onReconnect },
  );
  for await (const message of messages) {
    const { item } = message;
    cursor = message.cursor;
    switch (item.case) {
      case "run":
        state = item.value.state;
        yield { kind: "run", run: item.value, cursor };
        break;
      case "targetEnded": {
        const { target, counts } = item.value;
        if (target && counts) yield { kind: "ended", target, counts, cursor };
        break;
      }
      case "synced":
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
