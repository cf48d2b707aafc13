import { createClient } from "@connectrpc/connect";
import type { Connection } from "./call.js";
import type { PointsmanError } from "./errors.js";
import { eventKindNumbers, isStateChange, type JobEventKindName } from "./event-kind.js";
import { isFinal } from "./job-state.js";
import { resume } from "./resume.js";
import { durationFromMs } from "./time.js";
import { JobService, type Job, type JobEvent, type JobState } from "./v1.js";

/** What every watch can be given. */
export interface WatchOptions {
  /** Ends the watch; the loop then throws a PointsmanError of code "canceled". */
  readonly signal?: AbortSignal | undefined;
  /** Headers beside those of the client. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Silence in milliseconds after which the service says that it is alive; three of them unheard are a cut. Default 15,000. */
  readonly heartbeatMs?: number | undefined;
  /** Told whenever the watch was cut and is about to be resumed, with the number of cuts in a row. */
  readonly onReconnect?: ((cuts: number, error: PointsmanError) => void) | undefined;
}

/** How one job is watched. */
export interface WatchJobOptions extends WatchOptions {
  /** From an earlier item: goes on behind it, without a snapshot. */
  readonly cursor?: string | undefined;
  /** Leaves out the events before the snapshot. Default false. */
  readonly skipHistory?: boolean | undefined;
  /** Only events of these kinds. Default: all. */
  readonly kinds?: readonly JobEventKindName[] | undefined;
}

/** One thing seen while watching a job. `cursor` resumes behind it; it is empty where only the next one can. */
export type JobWatchItem =
  | { readonly kind: "snapshot"; readonly job: Job; readonly cursor: string }
  | { readonly kind: "event"; readonly event: JobEvent; readonly cursor: string }
  | { readonly kind: "synced"; readonly cursor: string };

const defaultHeartbeatMs = 15_000;

/**
 * Follows one job to its end: a snapshot, its events so far, `synced`, then every event as it happens. Cuts are
 * resumed; every event number comes once and in order. When the history behind the cursor is gone, another snapshot
 * comes, and events that were seen before are left out.
 */
export async function* watchJob(
  connection: Connection,
  id: string,
  options: WatchJobOptions = {},
): AsyncGenerator<JobWatchItem, void, undefined> {
  const client = createClient(JobService, connection.transport);
  const heartbeatMs = options.heartbeatMs ?? defaultHeartbeatMs;
  const { kinds: named } = options;
  // Changes of state tell the end from a cut, so they are asked for in any case.
  const kinds = named?.length ? eventKindNumbers([...new Set([...named, "state" as const])]) : [];
  const isWanted = (event: JobEvent): boolean => !named?.length || named.includes("state") || !isStateChange(event);
  let cursor = options.cursor ?? "";
  let skipHistory = options.skipHistory ?? false;
  let lastNumber = 0;
  let synced = false;
  let state: JobState | undefined;

  const messages = resume(
    connection,
    {
      open: (signal) =>
        client.watchJob(
          {
            ...{ id, cursor, kinds, skipHistory: cursor === "" && skipHistory },
            heartbeatInterval: durationFromMs(heartbeatMs),
          },
          { signal, timeoutMs: 0, headers: { ...connection.headers, ...options.headers } },
        ),
      ends: () => state === undefined || isFinal(state),
      recover: (error) => {
        if (error.code !== "out_of_range" || cursor === "") return false;
        cursor = "";
        return true;
      },
    },
    { signal: options.signal, idleMs: heartbeatMs * 3, onReconnect: options.onReconnect },
  );
  for await (const message of messages) {
    const item = message.item;
    switch (item.case) {
      case "snapshot":
        state = item.value.state;
        if (skipHistory) {
          // From here on no event may be missed: a cut before the first cursor starts over, with the history.
          lastNumber = Math.max(lastNumber, item.value.lastEvent);
          skipHistory = false;
        }
        yield { kind: "snapshot", job: item.value, cursor: "" };
        break;
      case "event":
        cursor = message.cursor;
        if (item.value.number <= lastNumber) break;
        lastNumber = item.value.number;
        if (item.value.event.case === "stateChanged") state = item.value.event.value.state;
        if (isWanted(item.value)) yield { kind: "event", event: item.value, cursor };
        break;
      case "synced":
        cursor = message.cursor;
        if (synced) break;
        synced = true;
        yield { kind: "synced", cursor };
        break;
      case "heartbeat":
        cursor = message.cursor;
        break;
      case undefined:
        break;
    }
  }
}
