import { fromBinary } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { type JobSpec, JobSpecSchema } from "@pointsman/sdk/v1";
import type { Logger } from "pino";
import { createTranscript, DeviceError, isReadOnly, type Session, type SessionPool } from "../device/index.js";
import type { Clock, Random } from "../domain/clock.js";
import type { Failure } from "../domain/job.js";
import type { RetryRule } from "../domain/retry.js";
import type { AttemptEnd, Claim, Holder, LeaseStore } from "../store/store.js";
import { StoreError } from "../store/store.js";
import { AttemptEnded, type AttemptContext, type Executed, type StopCause } from "./attempt-context.js";
import { runCommands } from "./commands.js";
import { runConfigure } from "./configure.js";
import { AttemptError, concernsDevice, failureOf } from "./failure.js";
import type { Journal } from "./journal.js";
import { type Lease, LeaseLostError } from "./lease.js";
import { createOutputWriter, FencedError } from "./output-writer.js";
import { runProbe } from "./probe.js";
import type { Reach, ReachableEndpoint } from "./reach.js";
import { type AttemptFacts, decide } from "./verdict.js";

const transcriptBytes = 2 * 1024 * 1024;
const storeRetryMs = 250;

/** What attempts need. */
export interface AttemptParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly leases: LeaseStore;
  readonly pool: SessionPool;
  readonly reach: Reach;
  readonly journal: Journal;
  readonly lease: Lease;
  readonly logger: Logger;
  /** Aborts when the worker ends for good: a store that is away is not waited for any more. */
  readonly giveUp: AbortSignal;
}

/** One try of a job by this worker, under way. */
export interface Attempt {
  readonly holder: Holder;
  /** Asks it to stop. The first cause stays. */
  stop(cause: StopCause): void;
  /** Resolves with its verdict when it is over and the store knows; without one when another holds the device. Never rejects. */
  readonly ended: Promise<AttemptEnd["verdict"] | undefined>;
}

/** Starts an attempt at a claimed job. */
export function startAttempt(parts: AttemptParts, worker: string, claim: Claim): Attempt {
  const { job, fence } = claim;
  const holder: Holder = { zone: job.zone, worker, job: job.id, endpoint: job.endpoint, fence };
  const stopping = new AbortController();
  const stop = (cause: StopCause): void => {
    if (!stopping.signal.aborted) stopping.abort(cause);
  };
  if (job.cancelRequested) stop("cancel");
  const logger = parts.logger.child({ job: job.id, endpoint: job.endpoint, attempt: job.attempt });
  const ended = run(parts, claim, holder, stopping.signal, stop).catch((error: unknown): undefined => {
    if (error instanceof FencedError) logger.warn("another worker holds the device now; this attempt is void");
    else logger.error({ err: error }, "an attempt ended without the store knowing");
  });
  return { holder, stop, ended };
}

async function run(
  parts: AttemptParts,
  claim: Claim,
  holder: Holder,
  signal: AbortSignal,
  stop: (cause: StopCause) => void,
): Promise<AttemptEnd["verdict"]> {
  const { clock, pool, lease } = parts;
  const { job } = claim;
  const spec = fromBinary(JobSpecSchema, job.spec);
  const timers = new Set<() => void>();
  const timer = (ms: number, call: () => void): void => {
    timers.add(clock.timer(ms, call));
  };
  const executionMs = spec.executionTimeout ? durationMs(spec.executionTimeout) : 300_000;
  timer(executionMs, () => stop("timeout"));

  const writer = createOutputWriter({
    clock,
    leases: parts.leases,
    holder,
    offset: job.outputBytes,
    fenced: () => stop("lease"),
    giveUp: parts.giveUp,
  });
  if (spec.warnAfter) {
    const message = `still running after ${durationMs(spec.warnAfter) / 1000} s`;
    timer(durationMs(spec.warnAfter), () => writer.fact({ kind: "log", level: "warning", message }));
  }
  const transcript = spec.debug ? createTranscript(clock, transcriptBytes) : undefined;
  const sessions: Session[] = [];
  let intent = false;
  const beforeWrite = (): void => lease.check();

  const context = (endpoint: ReachableEndpoint): AttemptContext => ({
    job,
    endpoint,
    writer,
    signal,
    stopCause: () => (signal.aborted ? (signal.reason as StopCause) : undefined),
    async checkout({ fresh }) {
      // A transcript is of one channel: the first.
      const record = transcript && sessions.length === 0 ? { transcript } : {};
      const session = await pool.checkout(endpoint, { signal, fresh, beforeWrite, ...record });
      sessions.push(session);
      return session;
    },
    async intent(step) {
      await passPointOfNoReturn(parts, holder, step);
      intent = true;
    },
    beforeWrite,
    timer,
  });

  let executed: Executed | undefined;
  let error: unknown;
  try {
    const endpoint = await parts.reach(claim, spec);
    recheckEffect(claim, spec, endpoint);
    executed = await execute(context(endpoint), spec, executionMs);
    error = executed.error;
  } catch (cause) {
    error = cause;
  } finally {
    for (const cancel of timers) cancel();
  }

  // A session goes on to the next job unless its state is in doubt or its login was the job's own.
  const certain = error === undefined || error instanceof AttemptError;
  const keepDevice = sessions.length > 0 && certain && job.type !== "probe" && !claim.sealedSecret;
  for (const session of sessions) {
    if (keepDevice) pool.checkin(session);
    else pool.discard(session);
  }

  const rest = await writer.end();
  const end = endOf(parts, claim, spec, { executed, error, intent, signal });
  if (intent) await noteDone(parts, holder, end.verdict);
  await tell(parts, holder, {
    ...end,
    intendedStep: executed?.intendedStep ?? 0,
    confirmedStep: executed?.confirmedStep ?? 0,
    keepDevice,
    rest,
    ...(executed ? { result: executed.result } : {}),
    ...(transcript ? { transcript: Buffer.from(transcript.toJsonLines()) } : {}),
  });
  return end.verdict;
}

function execute(context: AttemptContext, spec: JobSpec, executionMs: number): Promise<Executed> {
  switch (spec.operation.case) {
    case "commands":
      return runCommands(context, spec.operation.value, { executionMs, outputBytes: spec.maxOutputBytes });
    case "configure":
      return runConfigure(context, spec.operation.value, { outputBytes: spec.maxOutputBytes });
    case "probe":
      return runProbe(context);
    case undefined:
      throw new AttemptError("UNSUPPORTED_BY_PLATFORM", "this worker does not know the job's operation");
  }
}

/** The server judged by its own platform data; this worker's may be newer and stricter. Only upwards. */
function recheckEffect({ job }: Claim, spec: JobSpec, { platform }: ReachableEndpoint): void {
  if (spec.operation.case === "configure") {
    const { preChecks, postChecks } = spec.operation.value;
    for (const { command } of [...preChecks, ...postChecks]) {
      if (isReadOnly(platform.readOnly, command)) continue;
      throw new AttemptError("EFFECT_UPGRADED", `"${command}" is not read-only on ${platform.name} for this worker`);
    }
  }
  if (job.effectClass !== "READ_ONLY" || spec.operation.case !== "commands") return;
  for (const { command, answers } of spec.operation.value.commands) {
    if (answers.length > 0 || !isReadOnly(platform.readOnly, command)) {
      throw new AttemptError("EFFECT_UPGRADED", `"${command}" is not read-only on ${platform.name} for this worker`);
    }
  }
}

async function passPointOfNoReturn({ leases, journal, lease, clock }: AttemptParts, holder: Holder, step: number) {
  lease.check();
  const answer = await leases.intent(holder, step);
  if (answer === "CANCELLED" || answer === "EXPIRED") throw new AttemptEnded(answer);
  if (answer === "FENCED") throw new FencedError("another worker holds the device now");
  const { zone, job, endpoint, fence } = holder;
  await journal.write({ kind: "intent", timeMs: clock.now(), zone, job, endpoint, fence });
  lease.check();
}

async function noteDone({ journal, clock }: AttemptParts, holder: Holder, verdict: string): Promise<void> {
  const { zone, job, endpoint, fence } = holder;
  await journal.write({ kind: "done", timeMs: clock.now(), zone, job, endpoint, fence, verdict });
}

function endOf(
  { random }: AttemptParts,
  { job, countedAttempts }: Claim,
  spec: JobSpec,
  over: {
    readonly executed: Executed | undefined;
    readonly error: unknown;
    readonly intent: boolean;
    readonly signal: AbortSignal;
  },
): Pick<AttemptEnd, "verdict" | "effect" | "error" | "retryInMs" | "deviceFailure"> {
  const { executed, error, intent, signal } = over;
  if (error instanceof AttemptEnded) return { verdict: error.verdict, effect: "NONE" };
  if (error instanceof FencedError) throw error;
  const failure = failureOf(error) ?? (error === undefined ? undefined : internal(error));
  // A stop that came after the last answer changes nothing: the work is done.
  const stopped =
    signal.aborted && (failure !== undefined || executed === undefined || executed.confirmedStep < executed.steps);
  const cause = error instanceof LeaseLostError ? "lease" : stopped ? (signal.reason as StopCause) : undefined;
  const facts: AttemptFacts = {
    effectClass: job.effectClass,
    intent,
    intendedStep: executed?.intendedStep ?? 0,
    confirmedStep: executed?.confirmedStep ?? 0,
    changed: executed?.changed ?? false,
    steps: executed?.steps ?? 0,
    attempts: countedAttempts,
    ...(failure ? { failure } : {}),
    ...(cause === undefined ? {} : { stopCause: cause }),
  };
  const verdict = decide(facts, ruleOf(spec, job.maxAttempts), random);
  return { ...verdict, ...(failure && !stopped && concernsDevice(failure) ? { deviceFailure: failure } : {}) };
}

/** A fault of ours: the caller learns that, and the log the rest. */
function internal(error: unknown): Failure {
  if (error instanceof StoreError) return { reason: "WORKER_LOST", message: "the worker lost touch with the store" };
  if (error instanceof DeviceError) return { reason: error.reason, message: error.message };
  return { reason: "INTERNAL", message: "a fault of the service; the worker's log tells more" };
}

function ruleOf(spec: JobSpec, maxAttempts: number): RetryRule {
  const { initialBackoff, maxBackoff } = spec.retry ?? {};
  return {
    maxAttempts,
    initialBackoffMs: initialBackoff ? durationMs(initialBackoff) : 2_000,
    maxBackoffMs: maxBackoff ? durationMs(maxBackoff) : 60_000,
  };
}

/** Tells the store how it ended, until it has heard: an end that is told late is better than a lease that runs out. */
async function tell({ leases, clock, logger, giveUp }: AttemptParts, holder: Holder, end: AttemptEnd): Promise<void> {
  for (;;) {
    try {
      // After a lost answer the second call finds the device free: FENCED then means that the first was heard.
      await leases.finish(holder, end);
      return;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      logger.warn({ job: holder.job }, "the store does not answer; the end of the attempt is told again");
      await clock.sleep(storeRetryMs, giveUp);
    }
  }
}
