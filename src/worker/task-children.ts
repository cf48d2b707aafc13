import { setMaxListeners } from "node:events";
import { type ChildEnd, type ChildJobs, ChildRefused } from "../domain/child-jobs.js";
import type { Clock } from "../domain/clock.js";
import type { NewJob } from "../domain/job.js";
import type { TaskErrand, TaskErrandAnswer, TaskFailureFacts } from "../domain/task-runner.js";
import { createTurnstile } from "../domain/turnstile.js";
import { type LeaseStore, StoreError } from "../store/store.js";
import type { WorkContext } from "./attempt-context.js";
import { AttemptError } from "./failure.js";
import { afterGrace } from "./grace.js";
import { FencedError } from "./output-writer.js";
import { checkedConfiguration } from "./task-configure.js";
import { checkedCommand } from "./task-device.js";
import type { TaskSteps } from "./task-steps.js";

/** Jobs that an attempt may ask for, and how many of them may be under way. */
const mostChildren = 10_000;
const mostAtOnce = 64;
const storeRetryMs = 250;
/** A job that was called off and runs is looked at this often, since it may wait again. */
const callOffMs = 1_000;

/** A child job that did not do its work. */
export class ChildError extends AttemptError {
  /** What the task is told of it. */
  readonly facts: TaskFailureFacts;
  constructor({ state, effect, error }: ChildEnd, job: string, device: string) {
    const reason = error?.reason ?? state;
    const message = error?.message ?? `the job was ${state.toLowerCase()}`;
    // What nobody knows the outcome of is not done again by itself.
    const again = state === "INDETERMINATE" ? { final: true } : {};
    super(reason, `${device}: ${message}`, { ...error?.metadata, job, device }, error?.deviceMessage, again);
    this.facts = { job, device, state, effect };
  }
}

/** What a task has others do: each of it is a job of its own, at whose device nobody else is meanwhile. */
export interface TaskChildren {
  /** Does work on a device. Rejects with ChildError where its job does not succeed. */
  send(errand: TaskErrand): Promise<TaskErrandAnswer>;
  /** Lets others run by the permits that the task holds, once: what it waits for may need them. */
  lend(): Promise<void>;
  /** The task is over: cancels what still is under way. Resolves when nothing is, or nobody waits for it any more. */
  close(): Promise<void>;
}

/** A job that exists and has not ended. */
interface LiveChild {
  readonly id: string;
  /** Aborts when its end was seen. */
  readonly over: AbortSignal;
}

interface Parts {
  readonly clock: Clock;
  readonly children: ChildJobs;
  readonly steps: TaskSteps;
  /** How long the task goes on at most, in milliseconds. */
  readonly leftMs: () => number;
  readonly lendPermits: () => ReturnType<LeaseStore["lendPermits"]>;
  /** Whether it waits for any of them. */
  readonly waits: (isWaiting: boolean) => void;
}

export function createTaskChildren(context: WorkContext, parts: Parts): TaskChildren {
  const { job, signal, urgentSignal, writer } = context;
  const { clock, children, steps, leftMs } = parts;
  const patience = afterGrace(context);
  setMaxListeners(0, patience);
  const turnstile = createTurnstile(mostAtOnce);
  /** The latest call at each device. */
  const last = new Map<string, Promise<unknown>>();
  const live = new Set<LiveChild>();
  const cancels = new Set<Promise<void>>();
  let asked = 0;
  let waiting = 0;
  let closed = false;
  let lent: Promise<void> | undefined;

  /** Does it again while the store is away. */
  async function insist<T>(act: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await act();
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        await clock.sleep(storeRetryMs, patience).catch(() => undefined);
        if (patience.aborted) throw new AttemptError("CANCELLED", "the work has to stop, and the store is away");
      }
    }
  }

  function mustGoOn(): void {
    if (closed || signal.aborted) throw new AttemptError("CANCELLED", "the work has to stop; nothing was queued");
    context.beforeWrite();
  }

  async function lendPermits(): Promise<void> {
    if ((await insist(parts.lendPermits)) === "FENCED") throw new FencedError("another worker holds the job now");
  }

  const lend = (): Promise<void> => (lent ??= lendPermits());

  async function cancel(id: string, interruptRunning: boolean): Promise<void> {
    const reason = `the task of job ${job.id} has ended or has to stop`;
    await insist(() => children.cancel(id, { interruptRunning, caller: job.creator, reason }));
  }

  /**
   * Where changes are stopped, nothing begins any more, and what runs is given all the time it has: its own worker stops it
   * between two lines. What had sent nothing then waits again.
   */
  async function keepFromRunning({ id, over }: LiveChild): Promise<void> {
    const enough = AbortSignal.any([urgentSignal, over]);
    while (!enough.aborted) {
      await cancel(id, false);
      await clock.sleep(callOffMs, enough).catch(() => undefined);
    }
  }

  function callOff(child: LiveChild): void {
    const isSoft = signal.aborted && !urgentSignal.aborted;
    // One that is not reached expires, or ends, by itself.
    const done = (isSoft ? keepFromRunning(child) : cancel(child.id, true))
      .catch(() => undefined)
      .finally(() => cancels.delete(done));
    cancels.add(done);
  }

  const callOffAll = (): void => live.forEach(callOff);
  const callOffSoftly = (): void => void (urgentSignal.aborted || callOffAll());
  urgentSignal.addEventListener("abort", callOffAll, { once: true });
  signal.addEventListener("abort", callOffSoftly, { once: true });

  async function prepared({ device, work }: TaskErrand, number: number): Promise<NewJob> {
    if (work.kind === "configure") checkedConfiguration(work);
    else for (const command of work.commands) checkedCommand({ ...work, command });
    const wish = { parent: job, device, work, number, leftMs: leftMs() };
    const child = await insist(() => children.prepare(wish));
    if (job.effectClass !== "READ_ONLY" || child.effectClass === "READ_ONLY") return child;
    throw new AttemptError(
      "TASK_MISUSED",
      `what it wants of ${device} is not read-only, and the task declares that it only reads`,
    );
  }

  async function follow(wanted: NewJob, { device }: TaskErrand): Promise<ChildEnd> {
    const { id } = wanted;
    const ended = new AbortController();
    const child = { id, over: ended.signal };
    try {
      await insist(() => children.create(wanted));
      live.add(child);
      writer.fact({ kind: "log", level: "info", message: `job ${id} on ${device}` });
      for (;;) {
        // Told to stop while it was being created.
        if (closed || signal.aborted) callOff(child);
        const end = await insist(() => children.ended(id, patience));
        if (end) return end;
        // Redis came back without it: asked for again, it is done once.
        await insist(() => children.create(wanted));
      }
    } catch (error) {
      if (patience.aborted) {
        callOff(child);
        throw new AttemptError("CANCELLED", `the task ended before job ${id} on ${device} did`);
      }
      throw error;
    } finally {
      ended.abort();
      live.delete(child);
    }
  }

  async function work(errand: TaskErrand, number: number): Promise<TaskErrandAnswer> {
    const leave = await turnstile.enter();
    try {
      mustGoOn();
      await lend();
      const child = await prepared(errand, number);
      const isChange = child.effectClass !== "READ_ONLY";
      const counts = isChange && job.effectClass === "AT_MOST_ONCE";
      if (counts) await steps.intend(number);
      const seen = (): void => void (counts && steps.confirm(number));
      // Much may have been said since it was asked for.
      try {
        mustGoOn();
      } catch (error) {
        seen();
        throw error;
      }
      const end = await follow(child, errand).catch((error: unknown) => {
        if (error instanceof ChildRefused) seen();
        throw error;
      });
      seen();
      if (isChange && end.effect !== "NONE") steps.changed();
      return answerOf(errand, child.id, end);
    } catch (error) {
      if (!(error instanceof ChildRefused)) throw error;
      throw new AttemptError(error.reason, `${errand.device}: ${error.message}`, { device: errand.device });
    } finally {
      leave();
    }
  }

  return {
    lend,
    async send(errand) {
      if (asked >= mostChildren) {
        throw new AttemptError("TASK_MISUSED", `a task asks for ${mostChildren} jobs at most; a run has more`);
      }
      const number = ++asked;
      const { device } = errand;
      const mine = (last.get(device) ?? Promise.resolve()).then(() => work(errand, number));
      const settled = mine.catch(() => undefined);
      last.set(device, settled);
      if (++waiting === 1) parts.waits(true);
      try {
        return await mine;
      } finally {
        if (--waiting === 0) parts.waits(false);
        if (last.get(device) === settled) last.delete(device);
      }
    },
    async close() {
      closed = true;
      // What has to stop was called off when that was said.
      if (!signal.aborted) callOffAll();
      while (last.size > 0) await Promise.all(last.values());
      await Promise.all(cancels);
    },
  };
}

function answerOf({ device, work }: TaskErrand, job: string, end: ChildEnd): TaskErrandAnswer {
  const { state, error, commands, configuration, outputLost } = end;
  const accepted = work.kind === "commands" && work.allowRejected && error?.reason === "DEVICE_REJECTED";
  if (state !== "SUCCEEDED" && !(accepted && state === "FAILED")) throw new ChildError(end, job, device);
  if (!outputLost) return { commands, ...(configuration && { configuration }) };
  throw new AttemptError("STORE_FULL", `${device}: not all that job ${job} printed was kept`, { job, device });
}
