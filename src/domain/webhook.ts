import type { Random } from "./clock.js";

/** Kinds of events that webhooks are told of. The store's scripts write the same names. */
export const hookKinds = [
  "job.succeeded",
  "job.failed",
  "job.cancelled",
  "job.expired",
  "job.indeterminate",
  "job.resolved",
  "run.succeeded",
  "run.partial",
  "run.failed",
  "run.cancelled",
  "run.indeterminate",
  "device.held",
  "device.released",
] as const;

export type HookKind = (typeof hookKinds)[number];

/** Which events a webhook is told of: fields AND, values inside a field OR; empty: any. */
export interface HookFilter {
  readonly events: readonly HookKind[];
  readonly queues: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly devices: readonly string[];
  readonly zones: readonly string[];
}

/** What an event has that a filter can ask for. What is absent meets no field that asks for it. */
export interface HookFacts {
  readonly kind: HookKind;
  readonly queue?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly device?: string;
  readonly zone?: string;
}

/** Whether a webhook is told of an event. */
export function isMet(filter: HookFilter, { kind, queue, labels = {}, device, zone }: HookFacts): boolean {
  const among = (wanted: readonly string[], value: string | undefined): boolean =>
    wanted.length === 0 || (value !== undefined && wanted.includes(value));
  return (
    among(filter.events, kind) &&
    among(filter.queues, queue) &&
    among(filter.devices, device) &&
    among(filter.zones, zone) &&
    Object.entries(filter.labels).every(([name, value]) => labels[name] === value)
  );
}

/** Kinds that at least one of these filters asks for. */
export function kindsOf(filters: readonly HookFilter[]): readonly HookKind[] {
  return hookKinds.filter((kind) => filters.some(({ events }) => events.length === 0 || events.includes(kind)));
}

/** Why a delivery is given up. */
export type DeadReason = "EXPIRED" | "ATTEMPTS" | "GONE" | "OVERFLOW";

/** What came of an attempt, as far as the next one depends on it. */
export interface HookAnswer {
  /** Status of the answer; 0: there was none. */
  readonly status: number;
  /** The endpoint asked to be left alone for so long. */
  readonly retryAfterMs?: number;
}

/** What becomes of a delivery after an attempt. */
export type NextAttempt =
  | { readonly kind: "delivered" }
  | { readonly kind: "retry"; readonly afterMs: number }
  | { readonly kind: "dead"; readonly reason: DeadReason };

const firstPauseMs = 5_000;
const longestPauseMs = 3_600_000;
/** Attempts of one delivery at most: an hour apart they last for longer than a delivery is tried. */
const mostAttempts = 200;

/**
 * Decides after an attempt. Pauses double from 5 seconds up to an hour, each of them by chance between half and whole, so
 * that what failed together does not come back together; an endpoint may ask for a longer one.
 */
export function nextAttempt(
  delivery: { readonly attempt: number; readonly deadlineMs: number },
  answer: HookAnswer,
  nowMs: number,
  random: Random,
): NextAttempt {
  const { status, retryAfterMs = 0 } = answer;
  if (status >= 200 && status < 300) return { kind: "delivered" };
  if (status === 410) return { kind: "dead", reason: "GONE" };
  if (delivery.attempt >= mostAttempts) return { kind: "dead", reason: "ATTEMPTS" };
  const bound = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(delivery.attempt - 1, 20));
  const afterMs = Math.max(Math.round(bound * (0.5 + random.number() / 2)), retryAfterMs);
  if (nowMs + afterMs > delivery.deadlineMs) return { kind: "dead", reason: "EXPIRED" };
  return { kind: "retry", afterMs };
}
