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
  readonly intendedStep: number;
  readonly confirmedStep: number;
  readonly changed: boolean;
  readonly steps: number;
  readonly failure?: Failure;
  readonly stopCause?: StopCause;
  /** Attempts that count, this one included. */
  readonly attempts: number;
}

type Verdict = Pick<AttemptEnd, "verdict" | "effect" | "error" | "retryInMs">;

const stopFailures: Readonly<Record<StopCause, Failure>> = {
  cancel: { reason: "CANCELLED", message: "the work was stopped on request" },
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
  const { failure, stopCause, intent, confirmedStep, intendedStep, steps, changed } = facts;
  const error = stopCause === undefined ? failure : stopFailures[stopCause];
  const finished = failure === undefined && confirmedStep >= steps;
  if (finished) return { verdict: "SUCCEEDED", effect: intent ? "COMPLETE" : "NONE" };
  if (error === undefined) throw new Error("an attempt that neither finished nor failed");

  if (intent && facts.effectClass === "AT_MOST_ONCE") {
    if (confirmedStep < intendedStep || intendedStep === 0) return { verdict: "INDETERMINATE", error };
    const effect: Effect = changed ? "PARTIAL" : "NONE";
    return { verdict: "FAILED", effect, error };
  }
  // Repeatable work has no intent of its own, but IDEMPOTENT work may have changed something all the same.
  const effect: Effect = facts.effectClass === "IDEMPOTENT" && intendedStep > 0 ? "PARTIAL" : "NONE";
  if (stopCause === "shutdown" || stopCause === "lease") return { verdict: "REQUEUE", error };
  if (stopCause === "cancel" && effect === "NONE") return { verdict: "CANCELLED", effect };
  if (stopCause === undefined) {
    const { effectClass, attempts } = facts;
    const tried = { reason: error.reason, effectClass, intent, attempt: attempts, maxAttempts: rule.maxAttempts };
    if (mayRetry(tried)) return { verdict: "RETRY", error, retryInMs: backoffMs(rule, attempts, random) };
  }
  return { verdict: "FAILED", effect, error };
}
