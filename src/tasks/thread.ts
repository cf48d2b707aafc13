import { parentPort, workerData } from "node:worker_threads";
import type { JsonValue } from "@bufbuild/protobuf";
import type { TaskDefinition } from "@pointsman/sdk/task";
import type { LogLevel } from "../domain/job-event.js";
import type { TaskEnd, TaskStart, ThrownError } from "../domain/task-runner.js";
import { wellFormed } from "../domain/well-formed.js";
import { isMessage, loadModules, type MessageValues, messageValues, typeOf } from "./load-modules.js";
import type { FromThread, ToThread } from "./messages.js";
import { createRemarks } from "./remarks.js";
import { createThreadContext, Deferred, type ThreadContext } from "./thread-context.js";

// A thread that runs tasks, one at a time. Whatever a task does here, the worker can end it from outside.

const port = parentPort!;
const send = (message: FromThread): void => port.postMessage(message);
const { modules } = workerData as { readonly modules: readonly string[] };
const longestMessage = 4_096;
/** The longest that a task can ask for before it is tried again. */
const longestPauseMs = 86_400_000;

let tasks: ReadonlyMap<string, TaskDefinition> = new Map();
let messages: MessageValues | undefined;
let current: { readonly thread: ThreadContext; print(text: string, level: LogLevel): void } | undefined;

// What a task prints are remarks; what comes when none runs is nobody's.
for (const [stream, level] of [
  [process.stdout, "info"],
  [process.stderr, "warning"],
] as const) {
  stream.write = (chunk: string | Uint8Array): boolean => {
    current?.print(typeof chunk === "string" ? chunk : Buffer.from(chunk).toString(), level);
    return true;
  };
}

port.on("message", (message: ToThread) => {
  if (message.kind === "begin") void work(message.start);
  else current?.thread.take(message);
});

try {
  tasks = await loadModules(modules);
  messages = await messageValues(tasks.values());
  send({ kind: "loaded", types: Array.from(tasks.values(), (task) => typeOf(task, messages)) });
} catch (error) {
  send({ kind: "unloadable", message: textOf(error) });
}

async function work(start: TaskStart): Promise<void> {
  const before = openResources();
  const remarks = createRemarks(send);
  const task = tasks.get(start.type)!;
  const input = isMessage(task.input) ? messages!.messageOfJson(task.input, start.input as JsonValue) : start.input;
  const thread = createThreadContext(start, input, remarks, send);
  current = {
    thread,
    print(text, level) {
      for (const line of text.split("\n")) if (line !== "") remarks.log(line, level);
    },
  };
  const end = await endOf(task, start, thread);
  thread.close();
  remarks.end();
  current = undefined;
  // What was only about to close has closed a turn later.
  setImmediate(() => send({ kind: "end", end, clean: isBelow(openResources(), before) }));
}

async function endOf(task: TaskDefinition, { outputBytes }: TaskStart, thread: ThreadContext): Promise<TaskEnd> {
  try {
    const answer: unknown = await task.run(thread.context as Parameters<TaskDefinition["run"]>[0]);
    if (answer === undefined) return { how: "answered" };
    const value = isMessage(task.output) ? messages!.messageToJson(task.output, answer) : answer;
    const output = JSON.stringify(value) as string | undefined;
    if (output === undefined) throw new TypeError("what the task answered is no JSON");
    if (Buffer.byteLength(output) > outputBytes) {
      throw new RangeError(`what the task answered has more than ${outputBytes} bytes`);
    }
    return { how: "answered", output };
  } catch (error) {
    if (error instanceof Deferred) return { how: "deferred", delayMs: error.delayMs, reason: shortened(error.message) };
    return { how: "threw", thrown: thrownError(error, thread) };
  }
}

function thrownError(error: unknown, thread: ThreadContext): ThrownError {
  const { name, code, retry, retryAfterMs } = (typeof error === "object" && error !== null ? error : {}) as Readonly<
    Record<string, unknown>
  >;
  const failure = thread.failureOf(error);
  const own = name === "TaskError";
  return {
    name: typeof name === "string" ? wellFormed(name.slice(0, 128)) : "Error",
    message: textOf(error),
    ...(own && typeof code === "string" ? { code: wellFormed(code.slice(0, 128)) } : {}),
    ...(own && retry === true ? { retry } : {}),
    ...(own && typeof retryAfterMs === "number" && retryAfterMs > 0
      ? { retryAfterMs: Math.min(retryAfterMs, longestPauseMs) }
      : {}),
    ...(failure === undefined ? {} : { failure }),
  };
}

/** Also of what is no error. */
function textOf(error: unknown): string {
  try {
    // What calls itself an error may have made anything of its message.
    return shortened(String(error instanceof Error ? error.message || error.name : error));
  } catch {
    return "something that cannot be told";
  }
}

function shortened(text: string): string {
  return wellFormed(text.length > longestMessage ? `${text.slice(0, longestMessage)}…` : text);
}

/** Timers, sockets, files and the like that are open, counted by kind. */
function openResources(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

function isBelow(now: ReadonlyMap<string, number>, before: ReadonlyMap<string, number>): boolean {
  return [...now].every(([kind, count]) => kind === "Immediate" || count <= (before.get(kind) ?? 0));
}
