import { backoffMs, mayRetry, type RetryRule } from "../domain/retry.js";
import type { Effect, EffectClass, Failure } from "../domain/job.js";
import type { Random } from "../domain/clock.js";
import type { AttemptEnd } from "../store/store.js";
import type { StopCause } from "./attempt-context.js";

/** What is known when an attempt is over. */
export interface AttemptFacts {
  readonly effectClass: EffectClass;
  /** The point of no return was passed. */
  readonly intent: boolean;
  /** The last step that may have been sent, 0 when nothing was. Missing when that is not known. */
  readonly intendedStep?: number;
  readonly confirmedStep: number;
  readonly changed: boolean;
  readonly steps: number;
  readonly failure?: Failure;
  /** The failure itself says that another attempt cannot help, or not before some milliseconds. */
  readonly final?: boolean;
  readonly notBeforeMs?: number;
  readonly stopCause?: StopCause;
  /** Who stopped changes and why, where that is the cause. */
  readonly stopWords?: string;
  /** The store was away before anything was sent: no fault of the work or the device. */
  readonly storeAway?: boolean;
  /** Attempts that count, this one included. */
  readonly attempts: number;
}

type Verdict = Pick<AttemptEnd, "verdict" | "effect" | "error" | "retryInMs">;

const stopFailures: Readonly<Record<StopCause, Failure>> = {
  stop: { reason: "CHANGES_STOPPED", message: "changes were stopped during the work" },
  cancel: { reason: "CANCELLED", message: "the work was stopped on request" },
  kick: { reason: "SESSION_CLOSED", message: "its session was closed on request during the work" },
  timeout: { reason: "EXECUTION_TIMEOUT", message: "the attempt took longer than its execution timeout" },
  shutdown: { reason: "WORKER_LOST", message: "the worker was stopped during the work" },
  lease: { reason: "WORKER_LOST", message: "the worker lost its lease during the work" },
};

/**
 * Decides how an attempt ends. Pure: the rules of the promise stand here and nowhere else.
 *
 * After the point of no return nothing is repeated, and nothing is called cancelled: when the answer to every line that
 * was sent has been seen, the work FAILED with a known effect; when one is missing, its outcome is unknown.
 */
export function decide(facts: AttemptFacts, rule: RetryRule, random: Random): Verdict {
  const { failure, intent, confirmedStep, intendedStep, steps, changed, effectClass } = facts;
  // Changes were stopped while all of this one was answered: it failed by itself.
  const isTooLate = facts.stopCause === "stop" && failure !== undefined && confirmedStep >= steps;
  const stopCause = isTooLate ? undefined : facts.stopCause;
  const error = stopCause === undefined ? failure : { ...stopFailures[stopCause], ...said(facts) };
  const mayHaveSent = intendedStep === undefined || intendedStep > 0;
  // At-most-once work sends nothing that counts before its intent; IDEMPOTENT work has none to go by.
  const mayHaveChanged = effectClass === "AT_MOST_ONCE" ? intent : effectClass === "IDEMPOTENT" && mayHaveSent;
  const finished = failure === undefined && confirmedStep >= steps;
  if (finished) return { verdict: "SUCCEEDED", effect: mayHaveChanged ? "COMPLETE" : "NONE" };
  if (error === undefined) throw new Error("an attempt that neither finished nor failed");

  if (intent && effectClass === "AT_MOST_ONCE") {
    if (intendedStep === undefined || confirmedStep < intendedStep) return { verdict: "INDETERMINATE", error };
    const effect: Effect = changed ? "PARTIAL" : "NONE";
    return { verdict: "FAILED", effect, error };
  }
  const effect: Effect = mayHaveChanged ? "PARTIAL" : "NONE";
  // What has typed nothing yet waits with the others until changes are allowed again.
  if (stopCause === "stop" && !mayHaveSent) return { verdict: "REQUEUE", error };
  if (stopCause === "kick" || stopCause === "shutdown" || stopCause === "lease") return { verdict: "REQUEUE", error };
  if (stopCause === "cancel" && effect === "NONE") return { verdict: "CANCELLED", effect };
  if (stopCause === undefined) {
    if (facts.storeAway) return { verdict: "REQUEUE", error };
    const { attempts } = facts;
    const tried = { reason: error.reason, effectClass, intent, attempt: attempts, maxAttempts: rule.maxAttempts };
    if (facts.final !== true && mayRetry(tried)) {
      const retryInMs = Math.max(backoffMs(rule, attempts, random), facts.notBeforeMs ?? 0);
      return { verdict: "RETRY", error, retryInMs };
    }
  }
  return { verdict: "FAILED", effect, error };
}

function said({ stopCause, stopWords }: AttemptFacts): Partial<Failure> {
  return stopCause === "stop" && stopWords !== undefined ? { message: stopWords } : {};
}
