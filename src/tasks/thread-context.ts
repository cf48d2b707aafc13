import type { TaskContext, TaskDeviceError } from "@pointsman/sdk/task";
import { type LogLevel, logLevels } from "../domain/job-event.js";
import type { TaskStart } from "../domain/task-runner.js";
import type { FromThread, TaskAnswer, TaskAsk, ToThread } from "./messages.js";
import type { Remarks } from "./remarks.js";
import { createThreadDevices } from "./thread-devices.js";

const shortestDelayMs = 1_000;
const longestDelayMs = 86_400_000;
/** Calls that may wait for their answer at a time. Errands beyond wait in the thread, whose memory is bounded. */
const mostCalls = 1_000;

/** A task puts itself off. */
export class Deferred extends Error {
  override readonly name = "Deferred";
  readonly delayMs: number;
  constructor(delayMs: number, reason: string) {
    super(reason);
    this.delayMs = delayMs;
  }
}

/** A context, and what keeps it going. */
export interface ThreadContext {
  readonly context: TaskContext<unknown>;
  take(message: Exclude<ToThread, { kind: "begin" }>): void;
  /** The number of the failure that an error, or what it was caused by, comes from. */
  failureOf(error: unknown): number | undefined;
  /** Nothing can be asked for any more. */
  close(): void;
}

export function createThreadContext(
  start: TaskStart,
  input: unknown,
  remarks: Remarks,
  send: (message: FromThread) => void,
): ThreadContext {
  const stopping = new AbortController();
  const failures = new WeakMap<Error, number>();
  const calls = new Map<
    number,
    { readonly resolve: (value: TaskAnswer) => void; readonly reject: (error: Error) => void }
  >();
  /** Calls whose answer lets another errand leave. */
  const errands = new Set<number>();
  const waiting: (() => void)[] = [];
  let count = 0;
  let closed = false;

  function ask(what: TaskAsk): Promise<TaskAnswer> {
    if (closed) return Promise.reject(new Error("the task is over"));
    const isErrand = what !== "intent" && "work" in what;
    if (!isErrand && calls.size - errands.size >= mostCalls) {
      return Promise.reject(new Error(`${mostCalls} calls wait for their answer`));
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        const call = ++count;
        if (isErrand) errands.add(call);
        calls.set(call, { resolve, reject });
        send({ kind: "call", call, ask: what });
      };
      if (isErrand && errands.size >= mostCalls) waiting.push(leave);
      else leave();
    });
  }

  return {
    context: {
      ...{ input, signal: stopping.signal, device: createThreadDevices(start.device, ask) },
      job: start.job,
      attempt: start.attempt,
      deferrals: start.deferrals,
      labels: start.labels,
      zone: start.zone,
      node: start.node,
      log: (message, level) => remarks.log(String(message), levelOf(level)),
      progress: (percent, message = "") => remarks.progress(percent, String(message)),
      async intent() {
        await ask("intent");
      },
      defer(delayMs, reason) {
        if (!Number.isFinite(delayMs)) throw new RangeError("a delay is a number of milliseconds");
        throw new Deferred(Math.min(longestDelayMs, Math.max(shortestDelayMs, Math.round(delayMs))), String(reason));
      },
    },
    take(message) {
      if (message.kind === "abort") {
        stopping.abort(new DOMException(`the work has to stop: ${message.cause}`, "AbortError"));
        return;
      }
      const asked = calls.get(message.call);
      calls.delete(message.call);
      if (errands.delete(message.call)) waiting.shift()?.();
      if (message.kind === "answer") return asked?.resolve(message.value);
      const { reason, facts } = message;
      const error = Object.assign(new Error(message.message), {
        ...{ name: "TaskDeviceError", reason, ...facts },
      }) as TaskDeviceError;
      failures.set(error, message.failure);
      asked?.reject(error);
    },
    failureOf(error) {
      for (let depth = 0; depth < 8 && error instanceof Error; depth++, error = error.cause) {
        const failure = failures.get(error);
        if (failure !== undefined) return failure;
      }
      return undefined;
    },
    close() {
      closed = true;
      calls.clear();
      waiting.length = 0;
    },
  };
}

/** What is no level, as when an error is logged beside its text, must not stand in an event: nobody could read it. */
function levelOf(given: unknown): LogLevel {
  return logLevels.find((level) => level === given) ?? "info";
}
