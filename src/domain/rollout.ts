import { endOfRun, failuresIn, type RunCounts, type RunState, stateOfCode } from "./run-state.js";
import type { RolloutRule } from "./run.js";

/** The targets of a batch: from the first to before the last. */
export interface Batch {
  readonly from: number;
  readonly to: number;
}

type Shape = Pick<RolloutRule, "canary" | "batchSize">;

/** Targets of the canary: never more than there are. */
function canaryOf({ canary }: Shape, total: number): number {
  return Math.min(canary, total);
}

/** How many batches there are, the canary included. */
export function batchCount(rule: Shape, total: number): number {
  const canary = canaryOf(rule, total);
  const rest = total - canary;
  return (canary > 0 ? 1 : 0) + (rest === 0 ? 0 : rule.batchSize === 0 ? 1 : Math.ceil(rest / rule.batchSize));
}

/** The targets of a batch, which counts from 1. */
export function batchAt(rule: Shape, total: number, number: number): Batch {
  const canary = canaryOf(rule, total);
  if (canary > 0 && number === 1) return { from: 0, to: canary };
  const size = rule.batchSize === 0 ? total - canary : rule.batchSize;
  const from = canary + (number - (canary > 0 ? 2 : 1)) * size;
  return { from, to: Math.min(total, from + size) };
}

/** The batch that a target belongs to. */
export function batchOf(rule: Shape, total: number, index: number): number {
  const canary = canaryOf(rule, total);
  if (index < canary) return 1;
  const first = canary > 0 ? 2 : 1;
  return first + (rule.batchSize === 0 ? 0 : Math.floor((index - canary) / rule.batchSize));
}

/** What of a target keeps it from starting beside others. */
export interface TargetTies {
  readonly group?: string;
  readonly lanes?: readonly (string | null)[];
}

/** A run at one moment, as far as its rollout looks at it. */
export interface RolloutView {
  readonly rule: RolloutRule;
  readonly total: number;
  readonly state: RunState;
  readonly counts: RunCounts;
  /** 0: none has begun. */
  readonly batch: number;
  readonly nowMs: number;
  /** When the batch may begin. */
  readonly nextMs?: number;
  /** Failures from before somebody resumed it in spite of them. */
  readonly forgiven: number;
  /** Letters of the targets of the batch, in order. */
  readonly codes: string;
  /** Ties of a target, by its index in the run. */
  readonly ties: (index: number) => TargetTies;
}

/** What happens next. At most one of these. */
export type RolloutStep =
  /** These targets start. */
  | { readonly kind: "start"; readonly targets: readonly number[] }
  /** The next batch begins, after a pause; held: once somebody resumes the run. */
  | { readonly kind: "batch"; readonly number: number; readonly waitMs: number; readonly hold?: string }
  /** Too much failed. */
  | { readonly kind: "stop"; readonly reason: string }
  /** The same, where somebody may go on in spite of it. */
  | { readonly kind: "pause"; readonly reason: string }
  | { readonly kind: "end"; readonly state: RunState }
  /** Nothing, until a target ends, somebody says something, or this long has passed. */
  | { readonly kind: "wait"; readonly forMs?: number };

/** Decides the next step of a run. At most `limit` targets start at a time. */
export function nextStep(view: RolloutView, limit: number): RolloutStep {
  const { rule, total, state, counts, batch } = view;
  if (counts.PENDING === 0 && counts.STARTED === 0) return { kind: "end", state: endOfRun(state, counts) };
  if (state !== "RUNNING") return { kind: "wait" };
  if (batch === 0) return { kind: "batch", number: 1, waitMs: 0 };

  const canary = rule.canary > 0 && batch === 1;
  const why = tooMuchFailed(view, canary);
  if (why !== undefined) return { kind: rule.pauseOnFailure ? "pause" : "stop", reason: why };

  const tally = tallyOf(view.codes);
  if (tally.open === 0) return behindBatch(view, tally, canary);
  if (view.nextMs !== undefined && view.nextMs > view.nowMs) return { kind: "wait", forMs: view.nextMs - view.nowMs };
  const targets = choose(view, batchAt(rule, total, batch).from, limit);
  return targets.length > 0 ? { kind: "start", targets } : { kind: "wait" };
}

function tooMuchFailed({ rule, total, counts, forgiven }: RolloutView, canary: boolean): string | undefined {
  const failed = failuresIn(counts) - forgiven;
  if (failed <= 0) return undefined;
  if (canary) return `${failed} of the canary failed`;
  if (rule.maxFailures > 0 && failed >= rule.maxFailures) return `${failed} failed; ${rule.maxFailures} is the limit`;
  if (rule.maxFailurePercent > 0 && failed * 100 >= rule.maxFailurePercent * total)
    return `${failed} of ${total} failed; ${rule.maxFailurePercent} % is the limit`;
  return undefined;
}

interface Tally {
  readonly open: number;
  readonly succeeded: number;
  /** Those that were worked on or were to be: all but what was refused at the beginning. */
  readonly counted: number;
}

function tallyOf(codes: string): Tally {
  let [open, succeeded, counted] = [0, 0, 0];
  for (const code of codes) {
    const state = stateOfCode(code);
    if (state === "REJECTED") continue;
    counted++;
    if (state === "PENDING" || state === "STARTED") open++;
    if (state === "SUCCEEDED") succeeded++;
  }
  return { open, succeeded, counted };
}

/** A batch has ended: whether it passes, and what comes behind it. */
function behindBatch(view: RolloutView, { succeeded, counted }: Tally, canary: boolean): RolloutStep {
  const { rule, total, batch } = view;
  const next = { kind: "batch", number: batch + 1, waitMs: rule.pauseMs } as const;
  const least = canary ? 100 : rule.minSuccessPercent;
  // Somebody has resumed it in spite of what failed here.
  const accepted = view.forgiven > 0 && failuresIn(view.counts) === view.forgiven;
  const untried = canary && counted === 0;
  if (!accepted && (untried || succeeded * 100 < least * counted)) {
    const what = canary ? "the canary" : `batch ${batch} of ${batchCount(rule, total)}`;
    const reason = untried ? "all of the canary was refused" : `only ${succeeded} of ${counted} of ${what} succeeded`;
    return rule.pauseOnFailure ? { ...next, hold: reason } : { kind: "stop", reason };
  }
  return canary && rule.holdAfterCanary ? { ...next, hold: "the canary succeeded; resume to go on" } : next;
}

/** The next targets that may start beside those that have. */
function choose(view: RolloutView, from: number, limit: number): number[] {
  const { rule, codes, counts, ties } = view;
  let room = Math.min(limit, rule.maxParallel > 0 ? rule.maxParallel - counts.STARTED : Infinity);
  const groups = new Set<string>();
  const lanes = rule.laneLimits.map(() => new Map<string, number>());
  const take = ({ group, lanes: values = [] }: TargetTies): void => {
    if (group !== undefined) groups.add(group);
    lanes.forEach((lane, i) => {
      const value = values[i];
      if (typeof value === "string") lane.set(value, (lane.get(value) ?? 0) + 1);
    });
  };
  const fits = ({ group, lanes: values = [] }: TargetTies): boolean =>
    !(group !== undefined && groups.has(group)) &&
    rule.laneLimits.every((most, i) => {
      const value = values[i];
      return typeof value !== "string" || (lanes[i]?.get(value) ?? 0) < most;
    });

  for (let i = 0; i < codes.length; i++) if (stateOfCode(codes.charAt(i)) === "STARTED") take(ties(from + i));
  const chosen: number[] = [];
  for (let i = 0; i < codes.length && room > 0; i++) {
    if (stateOfCode(codes.charAt(i)) !== "PENDING" || !fits(ties(from + i))) continue;
    take(ties(from + i));
    chosen.push(from + i);
    room--;
  }
  return chosen;
}
