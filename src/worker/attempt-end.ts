import { durationMs } from "@bufbuild/protobuf/wkt";
import type { JobSpec } from "@pointsman/sdk/v1";
import type { Logger } from "pino";
import type { Clock, Random } from "../domain/clock.js";
import type { Failure } from "../domain/job.js";
import { backoffMs, type RetryRule } from "../domain/retry.js";
import type { AttemptEnd, Claim, Holder, LeaseStore } from "../store/store.js";
import { StoreError } from "../store/store.js";
import { stopName } from "../domain/policies.js";
import { AttemptEnded, type Executed, FrozenError, type StopCause } from "./attempt-context.js";
import { BreakerOpenError } from "./contacts.js";
import { AttemptError, concernsDevice, failureOf } from "./failure.js";
import { type Journal, JournalError } from "./journal.js";
import { LeaseLostError } from "./lease.js";
import { FencedError, OutputLostError } from "./output-writer.js";
import type { Stopping } from "./stopping.js";
import { ChildError } from "./task-children.js";
import { TaskDeferredError } from "./task.js";
import { decide } from "./verdict.js";

const storeRetryMs = 250;
/** What a breaker keeps waiting is looked at again after this, since breakers are closed by people and by other devices too. */
const longestPutOffMs = 300_000;
/** What Redis, its replicas or the journal do not take now is tried again after this; later work on the device goes on meanwhile. */
const unsafeRetryMs = 10_000;

type Verdict = Pick<
  AttemptEnd,
  "verdict" | "effect" | "error" | "retryInMs" | "deviceFailure" | "breaker" | "deferred"
>;

/** How far an attempt has come, as its end sees it. */
export interface Course {
  /** The point of no return was passed. */
  intent: boolean;
  executed?: Executed;
  /** What ended the work early. */
  error?: unknown;
  /** Its session went back to the pool. */
  keepDevice: boolean;
}

/** How an attempt ends whose work is over. Throws FencedError when another holds the device. */
export function endOf(
  random: Random,
  { job, countedAttempts }: Claim,
  spec: JobSpec,
  { executed, error, intent }: Course,
  stopping: Stopping,
): Verdict {
  // These say that nothing was sent, as long as nothing may have been.
  if (error instanceof AttemptEnded && !intent) return endedAtIntent(error.verdict);
  if (error instanceof FencedError) throw error;
  if (error instanceof FrozenError && !intent) return frozenAtIntent(error, spec, executed);
  if (error instanceof TaskDeferredError && !stopping.signal.aborted) {
    return { verdict: "RETRY", error: failureOf(error)!, retryInMs: error.delayMs, deferred: true };
  }
  if (error instanceof BreakerOpenError && !intent && !stopping.signal.aborted && !spec.failIfBlocked) {
    const retryInMs = Math.min(error.waitMs, longestPutOffMs);
    return { verdict: "RETRY", error: failureOf(error)!, retryInMs, breaker: error.breaker };
  }
  if (isUnsafe(error) && !intent && !stopping.signal.aborted) {
    const { reason, message } = error;
    return { verdict: "RETRY", error: { reason, message }, retryInMs: unsafeRetryMs };
  }
  const failure = failureOf(error) ?? (error === undefined ? undefined : internal(error));
  // A stop that came after the last answer changes nothing: the work is done.
  const stopped =
    stopping.signal.aborted &&
    (failure !== undefined || executed === undefined || executed.confirmedStep < executed.steps);
  const cause = error instanceof LeaseLostError ? "lease" : stopped ? stopping.cause() : undefined;
  const verdict = decide(
    {
      effectClass: job.effectClass,
      intent,
      confirmedStep: executed?.confirmedStep ?? 0,
      changed: executed?.changed ?? false,
      steps: executed?.steps ?? 0,
      attempts: countedAttempts,
      storeAway: isStoreAway(error),
      ...intendedOf(executed, intent),
      ...(failure ? { failure } : {}),
      ...(error instanceof AttemptError ? error.again : {}),
      // What somebody asked to stop is not handed on by the worker that is stopping as well.
      ...(stopping.words() === undefined ? {} : { stopWords: stopping.words() ?? "" }),
      ...(cause === undefined ? {} : { stopCause: handsOn(cause) && stopping.isCancelled() ? "cancel" : cause }),
    },
    ruleOf(spec, job.maxAttempts),
    random,
  );
  const isItsDevice = failure && !(error instanceof ChildError) && concernsDevice(failure);
  return { ...verdict, ...(isItsDevice && !stopped ? { deviceFailure: failure } : {}) };
}

function handsOn(cause: StopCause): boolean {
  return cause === "shutdown" || cause === "kick";
}

/** Work that never got as far as an executor's report has sent nothing, unless the point of no return was passed. */
function intendedOf(executed: Executed | undefined, intent: boolean): { readonly intendedStep?: number } {
  if (executed) return { intendedStep: executed.intendedStep };
  return intent ? {} : { intendedStep: 0 };
}

/**
 * How an attempt ends that a fault of ours cut off: in doubt when something may have been sent that must not be sent
 * twice, else tried again as often as the job allows. A fault that repeats itself must not go round for ever.
 */
export function endOfFault(
  random: Random,
  { job, countedAttempts }: Claim,
  { intent, executed }: Course,
  fault: unknown,
): Verdict {
  const error = internal(fault);
  if (intent && job.effectClass === "AT_MOST_ONCE") return { verdict: "INDETERMINATE", error };
  const rule = { maxAttempts: job.maxAttempts, ...defaultBackoff };
  if (countedAttempts < rule.maxAttempts) {
    return { verdict: "RETRY", error, retryInMs: backoffMs(rule, countedAttempts, random) };
  }
  const mayHaveChanged = job.effectClass === "IDEMPOTENT" && executed?.intendedStep !== 0;
  return { verdict: "FAILED", effect: mayHaveChanged ? "PARTIAL" : "NONE", error };
}

function endedAtIntent(verdict: AttemptEnded["verdict"]): Verdict {
  if (verdict === "CANCELLED") return { verdict, effect: "NONE" };
  const message = "the queue timeout passed before anything was sent";
  return { verdict, effect: "NONE", error: { reason: "QUEUE_TIMEOUT", message } };
}

/** Nothing has changed: it waits with the others, unless it was not to wait or has typed what it would type again. */
function frozenAtIntent({ policy, message }: FrozenError, spec: JobSpec, executed: Executed | undefined): Verdict {
  const typed = policy === stopName && (executed?.intendedStep ?? 0) > 0;
  if (typed) return { verdict: "FAILED", effect: "NONE", error: { reason: "CHANGES_STOPPED", message } };
  const error = { reason: "CHANGES_FROZEN", message, metadata: { policy } };
  return spec.failIfBlocked ? { verdict: "FAILED", effect: "NONE", error } : { verdict: "REQUEUE", error };
}

function isStoreAway(error: unknown): boolean {
  if (isUnsafe(error)) return true;
  return error instanceof StoreError && (error.reason === "STORE_UNAVAILABLE" || error.reason === "STORE_RECONCILING");
}

/** What Redis or the journal would keep is not safe enough to send anything. */
function isUnsafe(error: unknown): error is StoreError | JournalError {
  if (error instanceof JournalError) return true;
  return error instanceof StoreError && (error.reason === "STORE_UNFIT" || error.reason === "NOT_REPLICATED");
}

/** A fault of ours: the caller learns that, and the log the rest. */
function internal(error: unknown): Failure {
  if (isUnsafe(error)) return { reason: error.reason, message: error.message };
  if (isStoreAway(error)) return { reason: "WORKER_LOST", message: "the worker lost touch with the store" };
  if (error instanceof OutputLostError) return { reason: "INTERNAL", message: error.message };
  return { reason: "INTERNAL", message: "a fault of the service; the worker's log tells more" };
}

const defaultBackoff = { initialBackoffMs: 2_000, maxBackoffMs: 60_000 };

function ruleOf(spec: JobSpec, maxAttempts: number): RetryRule {
  const { initialBackoff, maxBackoff } = spec.retry ?? {};
  return {
    maxAttempts,
    initialBackoffMs: initialBackoff ? durationMs(initialBackoff) : defaultBackoff.initialBackoffMs,
    maxBackoffMs: maxBackoff ? durationMs(maxBackoff) : defaultBackoff.maxBackoffMs,
  };
}

/** What telling an end needs. */
interface TellingParts {
  readonly clock: Clock;
  readonly leases: Pick<LeaseStore, "finish">;
  readonly journal: Journal;
  readonly logger: Logger;
  readonly giveUp: AbortSignal;
  /** How often this worker began to tell a new history of the store what it runs. */
  readonly histories: () => number;
}

/** Notes the end in the journal. A note that is missing only makes whoever reads it more cautious, so it stops nothing. */
export async function noteDone(
  { journal, clock, logger }: TellingParts,
  { job, fence }: Holder,
  { verdict, error, effect, intendedStep, confirmedStep }: Omit<AttemptEnd, "keepDevice">,
): Promise<void> {
  const how = { verdict, intendedStep, confirmedStep, ...(error && { error }), ...(effect && { effect }) };
  await journal
    .write({ kind: "done", timeMs: clock.now(), job, fence, ...how })
    .catch((error: unknown) => logger.error({ err: error }, "the journal could not take the end of a change"));
}

/**
 * Tells the store how it ended, until it has heard: an end that is told late is better than a lease that runs out.
 * After a lost answer the second call finds the device free: FENCED then means that the first was heard. What was heard
 * while this worker told another history that the attempt goes on may be forgotten there, so that one is told as well.
 * Rejects when the store refuses it, or `giveUp` aborts.
 */
export async function tell(parts: TellingParts, holder: Holder, end: AttemptEnd) {
  const { leases, clock, logger, giveUp, histories } = parts;
  let heard: "OK" | undefined;
  let said = false;
  for (;;) {
    const history = histories();
    try {
      const answer = await leases.finish(holder, end);
      if (answer !== "OK" || history === histories()) return heard ?? answer;
      heard = answer;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      // Once for each attempt: a thousand of them would say it four thousand times a second.
      if (!said) logger.warn("the store does not answer; the end of the attempt is told again");
      said = true;
      await clock.sleep(storeRetryMs, giveUp);
    }
  }
}
