import type { Calendar } from "./calendar.js";
import { nextCronTime } from "./cron-times.js";

/** A time in milliseconds since the epoch; without an end it is open. */
export interface Span {
  readonly fromMs: number;
  readonly toMs?: number;
}

/** Recurring times: when they begin, on the clocks of a zone, and how long each lasts. */
export interface RecurringTimes {
  readonly cron: string;
  readonly durationMs: number;
  readonly timeZone: string;
}

/** How far ahead the times are worked out; beyond that they count as closed until they are worked out again. */
const horizonMs = 32 * 86_400_000;
/** Openings worked out at most for each of the recurring times, those that run into each other as one, … */
const mostOpenings = 200;
/** … and times looked at for that: all are worked out again every minute, and cron's are not for nothing. */
const mostLooks = 1_000;

/**
 * The times in which none of the recurring times is open, from the one that holds at `nowMs` on. Throws
 * {@link CronProblem}, and RangeError for a zone that does not exist.
 */
export function closedTimes(calendar: Calendar, times: readonly RecurringTimes[], nowMs: number): readonly Span[] {
  const opened = times.flatMap((one) => openings(calendar, one, nowMs)).sort((a, b) => a.fromMs - b.fromMs);
  const closed: Span[] = [];
  let since = 0;
  for (const { fromMs, toMs } of opened) {
    if (fromMs > since) closed.push({ fromMs: since, toMs: fromMs });
    since = Math.max(since, toMs);
  }
  return [...closed, { fromMs: since }];
}

function openings(
  calendar: Calendar,
  { cron, durationMs, timeZone }: RecurringTimes,
  nowMs: number,
): { readonly fromMs: number; readonly toMs: number }[] {
  const pattern = calendar.cron(cron);
  const zone = calendar.zone(timeZone);
  if (!zone) throw new RangeError(`no time zone ${timeZone}`);
  const found: { readonly fromMs: number; readonly toMs: number }[] = [];
  const next = (afterMs: number): number | undefined => nextCronTime(pattern, zone, afterMs);
  // One that has begun may last still.
  let fromMs = next(nowMs - durationMs);
  for (let looks = 0; fromMs !== undefined && fromMs < nowMs + horizonMs && looks < mostLooks; looks++) {
    const before = found.at(-1);
    if (before && fromMs <= before.toMs) found[found.length - 1] = { fromMs: before.fromMs, toMs: fromMs + durationMs };
    else if (found.length === mostOpenings) break;
    else found.push({ fromMs, toMs: fromMs + durationMs });
    const soon = next(fromMs);
    // Of many that begin while this one is open one of the last is enough.
    const gapMs = (soon ?? Infinity) - fromMs;
    const late = gapMs < durationMs / 2 ? next(fromMs + durationMs - 2 * gapMs) : undefined;
    fromMs = late !== undefined && late <= fromMs + durationMs ? late : soon;
  }
  return found;
}

/** The span that holds at a moment, if any. */
export function spanAt(spans: readonly Span[], atMs: number): Span | undefined {
  return spans.find(({ fromMs, toMs }) => fromMs <= atMs && (toMs === undefined || toMs > atMs));
}

/** When the next span begins after a moment, if any does. */
export function nextSpan(spans: readonly Span[], atMs: number): number | undefined {
  return spans.find(({ fromMs }) => fromMs > atMs)?.fromMs;
}
