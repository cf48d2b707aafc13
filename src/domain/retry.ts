import type { Random } from "./clock.js";
import type { EffectClass } from "./job.js";

/** How often and how far apart work is tried. Times in milliseconds. */
export interface RetryRule {
  readonly maxAttempts: number;
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
}

/** Failures that another attempt can mend: the network's and the device's passing moods, and what a task says is one. */
const passing = new Set([
  "DEVICE_UNREACHABLE",
  "CONNECTION_REFUSED",
  "CONNECT_RATE_LIMITED",
  "PROMPT_NOT_FOUND",
  "OUTPUT_TIMEOUT",
  "DISCONNECTED",
  "SESSION_LIMIT",
  "CALLBACK_FAILED",
  "TASK_FAILED",
]);

/**
 * Whether a failed attempt is followed by another. Never after a refused login (accounts get locked), a host key
 * problem or a rejection; never for at-most-once work that has passed its point of no return.
 */
export function mayRetry(failed: {
  readonly reason: string;
  readonly effectClass: EffectClass;
  readonly intent: boolean;
  readonly attempt: number;
  readonly maxAttempts: number;
}): boolean {
  if (failed.attempt >= failed.maxAttempts) return false;
  if (failed.effectClass === "AT_MOST_ONCE" && failed.intent) return false;
  return passing.has(failed.reason);
}

/** The pause before the attempt after `attempt`: uniform below a bound that doubles each time ("full jitter"). */
export function backoffMs(rule: RetryRule, attempt: number, random: Random): number {
  const bound = Math.min(rule.maxBackoffMs, rule.initialBackoffMs * 2 ** (attempt - 1));
  return Math.round(bound * random.number());
}
