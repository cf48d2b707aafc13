import { Code, type ServiceImpl } from "@connectrpc/connect";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { create, isFinal } from "@pointsman/sdk";
import {
  JobEventSchema,
  JobSchema,
  JobState,
  type Job,
  type JobEvent,
  type JobService,
  type WatchJobRequest,
} from "@pointsman/sdk/v1";
import { serviceError } from "./scripted-server.js";

/** A job whose events the test appends, watched as the contract says. */
export interface ScriptedJob {
  readonly id: string;
  readonly history: readonly JobEvent[];
  /** Every WatchJob request, in order. */
  readonly watches: WatchJobRequest[];
  /** Watches, and calls that wait, that the server still serves. */
  readonly open: { count: number };
  /** Appends an event; a final `state` ends the job. */
  append(event: { log: string } | { state: JobState } | { output: string }): void;
  /** From now on cursors of before are out of range. */
  forgetHistory(): void;
  job(): Job;
  watchJob: ServiceImpl<typeof JobService>["watchJob"];
  getJob: ServiceImpl<typeof JobService>["getJob"];
}

/** Makes a scripted job that is RUNNING. `heartbeats`: whether silence is broken. */
export function createScriptedJob(id: string, { heartbeats = true }: { heartbeats?: boolean } = {}): ScriptedJob {
  const history: JobEvent[] = [];
  const watches: WatchJobRequest[] = [];
  const open = { count: 0 };
  const listeners = new Set<() => void>();
  let state: JobState = JobState.RUNNING;
  let epoch = 1;
  let offset = 0;
  const job = (): Job => create(JobSchema, { id, state, lastEvent: history.length });

  async function changed(signal: AbortSignal, ms: number): Promise<"event" | "quiet"> {
    return await new Promise((resolve, reject) => {
      const done = (settle: () => void) => () => {
        listeners.delete(onEvent);
        signal.removeEventListener("abort", onAbort);
        clearTimeout(timer);
        settle();
      };
      const onEvent = done(() => resolve("event"));
      const onAbort = done(() => reject(signal.reason as Error));
      const timer = setTimeout(
        done(() => resolve("quiet")),
        ms,
      );
      listeners.add(onEvent);
      signal.addEventListener("abort", onAbort);
      if (signal.aborted) onAbort();
    });
  }

  return {
    id,
    history,
    watches,
    open,
    job,
    append(event) {
      const number = history.length + 1;
      if ("state" in event) state = event.state;
      history.push(
        create(JobEventSchema, {
          number,
          event:
            "state" in event
              ? { case: "stateChanged", value: { state: event.state } }
              : "log" in event
                ? { case: "log", value: { level: "info", message: event.log } }
                : {
                    case: "output",
                    value: { command: 1, offset, length: Buffer.byteLength(event.output), text: event.output },
                  },
        }),
      );
      if ("output" in event) offset += Buffer.byteLength(event.output);
      for (const listener of [...listeners]) listener();
    },
    forgetHistory() {
      epoch++;
    },
    async getJob({ waitTimeout }, context) {
      open.count++;
      try {
        const untilMs = performance.now() + (waitTimeout ? durationMs(waitTimeout) : 0);
        while (!isFinal(state) && performance.now() < untilMs) {
          await changed(context.signal, untilMs - performance.now());
        }
        return { job: job() };
      } finally {
        open.count--;
      }
    },
    async *watchJob(request, context) {
      watches.push(request);
      open.count++;
      try {
        let next = 1;
        const cursor = (): string => `${epoch}:${next - 1}`;
        if (request.cursor !== "") {
          const [of, number] = request.cursor.split(":").map(Number);
          if (of !== epoch) throw serviceError(Code.OutOfRange, "HISTORY_GONE", "the history is gone");
          next = number! + 1;
        } else {
          yield { cursor: cursor(), item: { case: "snapshot", value: job() } };
          if (request.skipHistory) next = history.length + 1;
        }
        const heartbeatMs = Number(request.heartbeatInterval?.nanos ?? 0) / 1e6 || 1_000;
        let synced = false;
        for (;;) {
          while (next <= history.length) {
            const event = history[next - 1]!;
            next++;
            yield { cursor: cursor(), item: { case: "event", value: event } };
          }
          if (!synced) {
            synced = true;
            yield { cursor: cursor(), item: { case: "synced", value: {} } };
          }
          if (isFinal(state) && next > history.length) return;
          if (next <= history.length) continue;
          const what = await changed(context.signal, heartbeatMs);
          if (what === "quiet" && heartbeats) yield { cursor: cursor(), item: { case: "heartbeat", value: {} } };
        }
      } finally {
        open.count--;
      }
    },
  };
}

/** An id as the service makes them. */
export function jobId(number: number): string {
  return `01hzy${"0".repeat(21)}`.slice(0, 26 - String(number).length) + String(number);
}
