import { Worker } from "node:worker_threads";
import type { Clock } from "../domain/clock.js";
import {
  type RunningTask,
  TaskCallError,
  type TaskEnd,
  type TaskHooks,
  type TaskRunner,
} from "../domain/task-runner.js";
import type { TaskStart } from "../domain/task-runner.js";
import type { TaskType } from "../domain/task-type.js";
import type { FromThread, ToThread } from "./messages.js";
import { SchemaError, valueCheck } from "./value-check.js";

/** How the threads are made. */
export interface TaskThreadOptions {
  readonly clock: Clock;
  /** URLs of the modules that define tasks. */
  readonly modules: readonly string[];
  /** Tasks with a device that run at a time, each in a thread; and as many without. */
  readonly threads: number;
  /** What the heap of each may hold. */
  readonly memoryMegabytes: number;
  readonly env: Readonly<Record<string, string>>;
}

/** Loading the modules may take this long. */
const loadMs = 30_000;
/** A thread that has had nothing to do for this long is ended. */
const idleMs = 60_000;

interface Thread {
  readonly worker: Worker;
  /** Rejects when the modules cannot be loaded. */
  readonly loaded: Promise<readonly TaskType[]>;
  /** Told of everything that it says, and of its end. */
  listener: { take(message: FromThread): void; gone(why: string): void } | undefined;
  cancelIdle: (() => void) | undefined;
}

/**
 * Runs tasks in threads of this process, each in one at a time. A thread is used again when its task ended in order and
 * left nothing behind; otherwise it is ended. A task that throws, loops for ever, or uses up its memory takes nothing
 * with it but its thread.
 */
export function createTaskThreads({ clock, modules, threads, memoryMegabytes, env }: TaskThreadOptions): TaskRunner {
  const types = new Map<string, TaskType>();
  const all = new Set<Thread>();
  const idle: Thread[] = [];
  /** By whether they have a device: a task without one may wait for jobs that wait for a task with one. */
  const lines = { bound: createLine(), free: createLine() };
  let stopped = false;

  function spawn(): Thread {
    const worker = new Worker(new URL("./thread.js", import.meta.url), {
      workerData: { modules },
      ...{ env, stdout: true, stderr: true },
      resourceLimits: { maxOldGenerationSizeMb: memoryMegabytes },
    });
    // What it prints is taken within it; this is for what only the runtime says.
    worker.stdout.resume();
    worker.stderr.resume();
    let loads: (types: readonly TaskType[]) => void = () => undefined;
    let fails: (error: Error) => void = () => undefined;
    const loaded = new Promise<readonly TaskType[]>((resolve, reject) => {
      loads = resolve;
      fails = reject;
    });
    loaded.catch(() => undefined);
    const thread: Thread = { worker, loaded, listener: undefined, cancelIdle: undefined };
    const cancel = clock.timer(loadMs, () => {
      fails(new Error(`the modules of tasks were not loaded within ${loadMs / 1000} s`));
      end(thread);
    });
    let fault: string | undefined;
    worker.on("message", (message: FromThread) => {
      if (message.kind === "loaded") loads(message.types);
      else if (message.kind === "unloadable") fails(new Error(message.message));
      else thread.listener?.take(message);
      if (message.kind === "loaded" || message.kind === "unloadable") cancel();
    });
    worker.on("error", (error: Error) => (fault ??= error.message));
    worker.once("exit", (code) => {
      cancel();
      const why = fault ?? `it ended its thread with code ${code}`;
      fails(new Error(why));
      all.delete(thread);
      unlist(thread);
      leave(thread);
      thread.listener?.gone(why);
      next();
    });
    all.add(thread);
    return thread;
  }

  function unlist(thread: Thread): void {
    const at = idle.indexOf(thread);
    if (at >= 0) idle.splice(at, 1);
  }

  function end(thread: Thread): void {
    thread.cancelIdle?.();
    // A task that begins before it is gone would end with it.
    unlist(thread);
    void thread.worker.terminate();
  }

  /** Hands threads that rest, or new ones, to those that wait for one. */
  function next(): void {
    for (const { waiting, taken } of Object.values(lines)) {
      while (waiting.length > 0 && taken.size < threads && !stopped) {
        const thread = idle.pop() ?? spawn();
        thread.cancelIdle?.();
        taken.add(thread);
        waiting.shift()?.(thread);
      }
    }
  }

  function leave(thread: Thread): void {
    for (const { taken } of Object.values(lines)) taken.delete(thread);
  }

  function rest(thread: Thread): void {
    leave(thread);
    if (stopped) return end(thread);
    idle.push(thread);
    thread.cancelIdle = clock.timer(idleMs, () => end(thread));
    next();
  }

  function run(start: TaskStart, hooks: TaskHooks): RunningTask {
    let thread: Thread | undefined;
    let ended: (end: TaskEnd) => void = () => undefined;
    const end_ = new Promise<TaskEnd>((resolve) => (ended = resolve));
    let over = false;
    let aborted: string | undefined;

    function finish(how: TaskEnd): void {
      if (over) return;
      over = true;
      if (thread) thread.listener = undefined;
      ended(how);
    }

    function post(message: ToThread): void {
      if (!over) thread?.worker.postMessage(message);
    }

    async function answer(call: number, asked: Promise<unknown>): Promise<void> {
      try {
        const value = (await asked) as Extract<ToThread, { kind: "answer" }>["value"];
        post({ kind: "answer", call, value });
      } catch (error) {
        if (!(error instanceof TaskCallError)) return kill();
        const { failure, reason, message, facts } = error;
        post({ kind: "refusal", call, failure, reason, message, facts });
      }
    }

    function take(message: FromThread): void {
      if (over) return;
      if (message.kind === "log") hooks.log(message.level, message.message);
      else if (message.kind === "progress") hooks.progress(message.percent, message.message);
      else if (message.kind === "call") {
        const { call, ask } = message;
        if (ask === "intent") void answer(call, hooks.intent());
        else if ("work" in ask) void answer(call, hooks.send(ask));
        else if ("lines" in ask) void answer(call, hooks.configure(ask));
        else void answer(call, hooks.run(ask));
      } else if (message.kind === "end" && thread) {
        const done = thread;
        finish(message.end);
        if (message.clean) rest(done);
        else end(done);
      }
    }

    const gone = (message: string): void => finish({ how: "crashed", message });

    async function begin(given: Thread): Promise<void> {
      thread = given;
      given.listener = { take, gone };
      try {
        await given.loaded;
      } catch (error) {
        return gone(error instanceof Error ? error.message : String(error));
      }
      if (over) return;
      hooks.began();
      post({ kind: "begin", start });
      if (aborted !== undefined) post({ kind: "abort", cause: aborted });
    }

    function kill(): void {
      if (over) return;
      const doomed = thread;
      finish({ how: "killed" });
      if (doomed) end(doomed);
      else waiting.splice(waiting.indexOf(wait), 1);
    }

    const { waiting } = start.device ? lines.bound : lines.free;
    const wait = (given: Thread): void => void begin(given);
    waiting.push(wait);
    next();
    return {
      ended: end_,
      get hasThread() {
        return thread !== undefined;
      },
      abort(cause) {
        aborted = cause;
        // What has not begun need not be told.
        if (!thread) kill();
        else post({ kind: "abort", cause });
      },
      kill,
    };
  }

  return {
    types,
    async start() {
      if (modules.length === 0 || types.size > 0) return;
      const first = spawn();
      for (const type of await first.loaded) {
        for (const which of ["input", "output"] as const) checkSchema(type, which);
        types.set(type.name, type);
      }
      rest(first);
    },
    async stop() {
      stopped = true;
      await Promise.all(
        Array.from(all, (thread) => {
          thread.cancelIdle?.();
          return thread.worker.terminate();
        }),
      );
    },
    run,
    problemOf(type, which, value) {
      const found = valueCheck(type[which])(value as Parameters<ReturnType<typeof valueCheck>>[0]);
      return found && (found.path === "" ? found.description : `${found.path} ${found.description}`);
    },
  };
}

/** Tasks that wait for a thread, and the threads of those that have one. */
function createLine() {
  return { waiting: [] as ((thread: Thread) => void)[], taken: new Set<Thread>() };
}

function checkSchema(type: TaskType, which: "input" | "output"): void {
  try {
    valueCheck(type[which]);
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    throw new Error(`the ${which} schema of task ${type.name} is none: ${error.message}`, { cause: error });
  }
}
