import { fromBinary } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { Durability, type JobSpec, JobSpecSchema } from "@pointsman/sdk/v1";
import type { Logger } from "pino";
import { createTranscript, isReadOnly, type SessionPool } from "../device/index.js";
import type { Clock, Random } from "../domain/clock.js";
import type { CommandRule } from "../domain/command-rules.js";
import type { JobRecord } from "../domain/job.js";
import type { Sealer } from "../secrets/sealer.js";
import { type AttemptEnd, type Claim, type FactJob, type Holder, type LeaseStore, StoreError } from "../store/store.js";
import {
  AttemptEnded,
  type AttemptContext,
  type Executed,
  FrozenError,
  type StopCause,
  type WorkContext,
} from "./attempt-context.js";
import { type AttemptSessions, createAttemptSessions } from "./attempt-sessions.js";
import { type Course, endOf, endOfFault, noteDone, tell } from "./attempt-end.js";
import { runCommands } from "./commands.js";
import { runConfigure } from "./configure.js";
import { AttemptError } from "./failure.js";
import { runHttp } from "./http.js";
import { type Journal, JournalError } from "./journal.js";
import type { Lease } from "./lease.js";
import { createOutputWriter, FencedError } from "./output-writer.js";
import { runProbe } from "./probe.js";
import type { Reach, ReachableEndpoint } from "./reach.js";
import { runShell } from "./shell.js";
import { runTask } from "./task.js";
import { createStopping, type Stopping } from "./stopping.js";
import { openCall, type Tools } from "./tools.js";

const transcriptBytes = 2 * 1024 * 1024;
/** How long a change waits for a server to see its worker, and how often it asks. */
const seenWithinMs = 10_000;
const unseenPauseMs = 100;

/** What attempts need. */
export interface AttemptParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly leases: LeaseStore;
  readonly pool: SessionPool;
  readonly reach: Reach;
  /** What operators say of commands, now. */
  readonly commandRules: () => Promise<readonly CommandRule[]>;
  readonly sealer: Sealer;
  /** What work without a device is done with. */
  readonly tools: Tools;
  readonly journal: Journal;
  readonly lease: Lease;
  readonly logger: Logger;
  /** Aborts when the worker ends for good: a store that is away is not waited for any more. */
  readonly giveUp: AbortSignal;
  /** How often this worker began to tell a new history of the store what it runs. */
  readonly histories: () => number;
  /** The store refuses to hear the end of this attempt: only a reaper can end the job. */
  readonly untold: () => void;
  /** The store heard the end of this attempt before, or took it for over: the journal may know better. */
  readonly unheard: () => void;
  /** The attempt waits for a thread or for jobs of its own, and does nothing else; or that is over. */
  readonly rests: (isResting: boolean) => void;
}

/** One try of a job by this worker, under way. */
export interface Attempt {
  readonly holder: Holder;
  /** When it was claimed, in milliseconds since the epoch. */
  readonly startMs: number;
  /** Whether its work may change the device. */
  readonly isChange: boolean;
  /** Asks it to stop. A harder cause may follow a softer one; `words` are those of whoever stopped changes. */
  stop(cause: StopCause, words?: string): void;
  /** Stops it without waiting for any answer. */
  cut(): void;
  /** Resolves when nothing of it touches the device any more. Never rejects. */
  readonly quiet: Promise<void>;
  /** Resolves with its verdict when it is over and the store knows; without one when another holds the device. Never rejects. */
  readonly ended: Promise<AttemptEnd["verdict"] | undefined>;
}

/** Starts an attempt at a claimed job. */
export function startAttempt(given: AttemptParts, worker: string, claim: Claim): Attempt {
  const { job, fence } = claim;
  const holder: Holder = { zone: job.zone, worker, job: job.id, endpoint: job.endpoint, fence };
  const stopping = createStopping();
  if (job.cancelRequested) stopping.stop("cancel");
  const { id, endpoint, attempt, device } = job;
  const logger = given.logger.child({ job: id, endpoint, ...(device === undefined ? {} : { device }), attempt });
  const parts = { ...given, logger };
  logger.debug({ type: job.type }, "an attempt begins");
  const course: Course = { intent: false, keepDevice: false };
  let isQuiet: () => void = () => undefined;
  const quiet = new Promise<void>((resolve) => (isQuiet = resolve));
  const ended = run(parts, claim, holder, stopping, course, isQuiet).catch(async (error: unknown) => {
    if (error instanceof FencedError) {
      logger.warn("another worker holds the device now; this attempt is void");
      return undefined;
    }
    logger.error({ err: error }, "an attempt was cut off by a fault");
    try {
      return await tellFault(parts, claim, holder, course, error);
    } catch (again) {
      logger.error({ err: again }, "an attempt ended without the store knowing");
      if (!parts.giveUp.aborted) parts.untold();
      return undefined;
    }
  });
  void ended.then((verdict) => {
    isQuiet();
    logger.debug({ verdict }, "an attempt ended");
  });
  const { cut } = stopping;
  const stop = (cause: StopCause, words?: string): void => {
    logger.debug({ cause }, "an attempt is told to stop");
    stopping.stop(cause, words);
  };
  const isChange = job.effectClass !== "READ_ONLY";
  return { holder, startMs: job.startMs ?? parts.clock.now(), isChange, stop, cut, quiet, ended };
}

async function tellFault(parts: AttemptParts, claim: Claim, holder: Holder, course: Course, fault: unknown) {
  parts.giveUp.throwIfAborted();
  const end = { ...endOfFault(parts.random, claim, course, fault), ...stepsOf(course), keepDevice: course.keepDevice };
  if (course.intent) await noteDone(parts, holder, end);
  if ((await tell(parts, holder, end)) === "FENCED" && course.intent) parts.unheard();
  return end.verdict;
}

function stepsOf({ executed }: Course): Pick<AttemptEnd, "intendedStep" | "confirmedStep"> {
  return { intendedStep: executed?.intendedStep ?? 0, confirmedStep: executed?.confirmedStep ?? 0 };
}

async function run(
  parts: AttemptParts,
  claim: Claim,
  holder: Holder,
  stopping: Stopping,
  course: Course,
  isQuiet: () => void,
): Promise<AttemptEnd["verdict"]> {
  const { clock, pool, lease } = parts;
  const { job } = claim;
  const { signal, urgentSignal, hardSignal } = stopping;
  const spec = fromBinary(JobSpecSchema, job.spec);
  const timers = new Set<() => void>();
  const timer = (ms: number, call: () => void): void => {
    timers.add(clock.timer(ms, call));
  };
  const executionMs = spec.executionTimeout ? durationMs(spec.executionTimeout) : 300_000;
  const beginTime = (): void => timer(executionMs, () => stopping.stop("timeout"));
  // A task may have to wait until one of its worker's threads is free.
  if (spec.operation.case !== "task") beginTime();

  const writer = createOutputWriter({
    clock,
    leases: parts.leases,
    holder,
    offset: job.outputBytes,
    fenced: () => stopping.stop("lease"),
    giveUp: parts.giveUp,
  });
  if (spec.warnAfter) {
    const message = `still running after ${durationMs(spec.warnAfter) / 1000} s`;
    timer(durationMs(spec.warnAfter), () => writer.fact({ kind: "log", level: "warning", message }));
  }
  const transcript = spec.debug ? createTranscript(clock, transcriptBytes) : undefined;
  const beforeWrite = (): void => lease.check();

  const context: WorkContext = {
    job,
    writer,
    signal,
    urgentSignal,
    hardSignal,
    stopCause: () => stopping.cause(),
    async intent(step) {
      const replicated = spec.durability === Durability.REPLICATED;
      await passPointOfNoReturn(parts, claim, holder, { step, replicated, signal });
      course.intent = true;
      if (signal.aborted) throw new AttemptError("CANCELLED", "stopped before anything was sent");
    },
    beforeWrite,
    timer,
  };
  /** Asked along with where the device is. A task may come to its device much later. */
  const early = isOnDevice(spec) && spec.operation.case !== "task" ? parts.commandRules() : undefined;
  early?.catch(() => undefined);
  let sessions: AttemptSessions | undefined;
  const onDevice = (endpoint: ReachableEndpoint): AttemptContext => {
    const work = { endpoint, job, lifted: spec.liftedCommands, commandRules: parts.commandRules, early };
    const hasBegun = (): boolean => course.intent;
    sessions = createAttemptSessions({ pool, ...work, transcript, signal, beforeWrite, hasBegun });
    return { ...context, ...sessions, endpoint };
  };

  try {
    const place = isOnDevice(spec) ? onDevice(await parts.reach(claim, spec)) : undefined;
    if (place) recheckEffect(claim, spec, place.endpoint);
    course.executed = await execute(parts, claim, spec, { context, holder, place, executionMs, beginTime });
    course.error = course.executed.error;
  } catch (cause) {
    course.error = cause;
  } finally {
    for (const cancel of timers) cancel();
  }

  // A session goes on to the next job unless its state is in doubt or its login was the job's own.
  const certain = course.error === undefined || course.error instanceof AttemptError;
  course.keepDevice = sessions?.giveBack(certain && job.type !== "probe" && !claim.sealedSecret) ?? false;
  isQuiet();

  const { parts: written, ...rest } = await writer.end();
  const { keepDevice } = course;
  const end = { ...endOf(parts.random, claim, spec, course, stopping), ...stepsOf(course), keepDevice };
  if (course.intent) await noteDone(parts, holder, end);
  const heard = await tell(parts, holder, {
    ...end,
    ...{ rest, parts: written },
    ...(course.executed ? { result: course.executed.result } : {}),
    ...(transcript ? { transcript: Buffer.from(transcript.toJsonLines()) } : {}),
  });
  if (heard === "FENCED" && course.intent) parts.unheard();
  return end.verdict;
}

function isOnDevice({ target }: JobSpec): boolean {
  return target.case === "device" || target.case === "endpoint";
}

/** Does the work. `place`: the same attempt on its device, where it has one. */
async function execute(
  { tools, sealer, clock, leases, rests }: AttemptParts,
  claim: Claim,
  { operation, maxOutputBytes: outputBytes }: JobSpec,
  how: {
    readonly context: WorkContext;
    readonly holder: Holder;
    readonly place: AttemptContext | undefined;
    readonly executionMs: number;
    readonly beginTime: () => void;
  },
): Promise<Executed> {
  const { context, place, executionMs } = how;
  if (operation.case === "shell") return runShell(context, operation.value, { ...tools, clock, outputBytes });
  if (operation.case === "http") {
    return runHttp(context, operation.value, { ...tools, clock, secrets: openCall(sealer, claim), outputBytes });
  }
  if (operation.case === "task") {
    const lendPermits = () => leases.lendPermits(how.holder);
    const limits = { executionMs, outputBytes, began: how.beginTime };
    return runTask(context, place, operation.value, { ...tools, ...limits, clock, rests, lendPermits });
  }
  if (place && operation.case === "commands") return runCommands(place, operation.value, { executionMs, outputBytes });
  if (place && operation.case === "configure") return runConfigure(place, operation.value, { outputBytes });
  if (place && operation.case === "probe") return runProbe(place);
  throw new AttemptError("UNSUPPORTED_BY_PLATFORM", "this worker does not know the job's operation");
}

/** The server judged by its own platform data; this worker's may be newer and stricter. Only upwards. */
function recheckEffect({ job }: Claim, { operation }: JobSpec, { platform }: ReachableEndpoint): void {
  const mustRead = (command: string, answers: readonly unknown[] = []): void => {
    if (answers.length === 0 && isReadOnly(platform.readOnly, command)) return;
    throw new AttemptError("EFFECT_UPGRADED", `"${command}" is not read-only on ${platform.name} for this worker`);
  };
  if (operation.case === "configure") {
    const { preChecks, postChecks } = operation.value;
    for (const { command } of [...preChecks, ...postChecks]) mustRead(command);
  }
  if (operation.case !== "commands") return;
  const { commands } = operation.value;
  for (const { waitForReturn } of commands) {
    for (const { command } of waitForReturn?.checks ?? []) mustRead(command);
  }
  if (job.effectClass !== "READ_ONLY") return;
  for (const { command, answers } of commands) mustRead(command, answers);
}

/**
 * Nothing may be sent before this has resolved. An intent counts in the history that granted it: a worker that began to
 * tell another meanwhile may have read its journal before the entry was there, so that one is asked as well.
 */
async function passPointOfNoReturn(
  parts: AttemptParts,
  { job }: Claim,
  holder: Holder,
  { step, replicated, signal }: { readonly step: number; readonly replicated: boolean; readonly signal: AbortSignal },
): Promise<void> {
  const { journal, lease, leases, clock, histories } = parts;
  const { worker, fence } = holder;
  let isWritten = false;
  try {
    for (;;) {
      const history = histories();
      const requests = await grantedIntent(parts, holder, step, signal);
      isWritten = true;
      const intent = {
        kind: "intent",
        timeMs: clock.now(),
        worker,
        fence,
        step,
        requests,
        job: journalled(job),
      } as const;
      await journal.write(intent).catch((cause: unknown) => {
        throw new JournalError(cause);
      });
      lease.check();
      if (replicated) await leases.replicated(holder);
      if (history === histories()) return;
    }
  } catch (error) {
    // The entry may be on disk, and nothing is sent under it.
    if (isWritten) await noteDone(parts, holder, { verdict: "REQUEUE", intendedStep: 0, confirmedStep: 0 });
    throw error;
  }
}

/** Gives what the journal is to know of the requests. Rejects when nothing may be sent. */
async function grantedIntent(parts: AttemptParts, holder: Holder, step: number, signal: AbortSignal) {
  const intent = await intentOnceSeen(parts, holder, step, signal);
  if (intent.answer === "UNSEEN")
    throw new StoreError("STORE_RECONCILING", "too few would remember this worker yet: it may not change anything");
  if (intent.answer === "FENCED") throw new FencedError("another worker holds the device now");
  if (intent.answer === "FROZEN") throw new FrozenError(intent);
  if (intent.answer !== "OK") throw new AttemptEnded(intent.answer);
  return intent.requests;
}

/** A new worker is seen and written down within a second or so when others run; the device is not kept for much longer. */
async function intentOnceSeen(
  { leases, lease, clock }: AttemptParts,
  holder: Holder,
  step: number,
  signal: AbortSignal,
) {
  for (let triesLeft = seenWithinMs / unseenPauseMs; ; triesLeft--) {
    lease.check();
    const intent = await leases.intent(holder, step);
    if (intent.answer !== "UNSEEN" || triesLeft <= 0 || signal.aborted) return intent;
    await clock.sleep(unseenPauseMs, signal).catch(() => undefined);
  }
}

function journalled(job: JobRecord): FactJob {
  const { id, zone, effectClass, type, endpoint, address, device, node, task, creator, priority, labels } = job;
  const { spec, createMs, expireMs, maxAttempts, queue, retryOf, parent, attempt, startMs } = job;
  return {
    ...{ id, zone, effectClass, type, endpoint, address, creator, priority, labels },
    ...{ spec, createMs, expireMs, maxAttempts, attempt },
    ...(device === undefined ? {} : { device }),
    ...(node === undefined ? {} : { node }),
    ...(task === undefined ? {} : { task }),
    ...(queue === undefined ? {} : { queue }),
    ...(retryOf === undefined ? {} : { retryOf }),
    ...(parent === undefined ? {} : { parent }),
    ...(startMs === undefined ? {} : { startMs }),
  };
}
