import type { WallPattern, ZoneClock } from "./calendar.js";

const dayMs = 86_400_000;

/**
 * The first moment after `afterMs` that a cron expression means in a zone; undefined when none ever comes. Where the
 * clocks are changed the rule is cron's own. An expression that names its hours follows the wall: times that the clocks
 * skip come once, at the end of the gap, and times that they show twice come the first time only. One that leaves the
 * hours open follows elapsed time: what is skipped does not come, what is shown twice comes twice.
 */
export function nextCronTime(pattern: WallPattern, zone: ZoneClock, afterMs: number): number | undefined {
  const repeated = pattern.everyHour ? nextRepeated(pattern, zone, afterMs) : undefined;
  for (let wall = pattern.next(afterMs + zone.offsetMs(afterMs)); wall !== undefined; wall = pattern.next(wall)) {
    const moments = momentsOf(zone, wall);
    const chosen = pattern.everyHour ? moments.find((moment) => moment > afterMs) : (moments[0] ?? gapEnd(zone, wall));
    if (repeated !== undefined && (chosen === undefined || chosen > repeated)) return repeated;
    if (chosen !== undefined && chosen > afterMs) return chosen;
  }
  return repeated;
}

/** Times of an expression that are looked at for a short gap: nearly every one has shown all of its own by then. */
const mostGaps = 500;
/** What comes again does so within a leap year. */
const longestRoundMs = 366 * dayMs;

/** Whether two times of an expression come closer to each other than this, as the wall shows them. */
export function hasGapBelow(pattern: WallPattern, ms: number, fromMs: number): boolean {
  const first = pattern.next(fromMs);
  let before = first;
  for (let count = 0; first !== undefined && before !== undefined && count < mostGaps; count++) {
    const next = pattern.next(before);
    if (next === undefined || before - first > longestRoundMs) return false;
    if (next - before < ms) return true;
    before = next;
  }
  return false;
}

/** The moments at which a wall shows a time, earliest first: one; two where the clocks go back; none in a gap. */
function momentsOf(zone: ZoneClock, wallMs: number): readonly number[] {
  const offsets = new Set([zone.offsetMs(wallMs - dayMs), zone.offsetMs(wallMs + dayMs)]);
  return [...offsets]
    .map((offset) => wallMs - offset)
    .filter((moment) => moment + zone.offsetMs(moment) === wallMs)
    .sort((a, b) => a - b);
}

/** When the clocks jump over a wall time that lies in a gap. */
function gapEnd(zone: ZoneClock, wallMs: number): number {
  return changeBetween(zone, wallMs - dayMs, wallMs + dayMs);
}

/**
 * The first match that the clocks show a second time, when they go back within a day: the wall of such a moment was
 * passed before, so a search along the wall does not meet it.
 */
function nextRepeated(pattern: WallPattern, zone: ZoneClock, afterMs: number): number | undefined {
  const before = zone.offsetMs(afterMs);
  if (zone.offsetMs(afterMs + dayMs) >= before) return undefined;
  const change = changeBetween(zone, afterMs, afterMs + dayMs);
  const offset = zone.offsetMs(change);
  const wall = pattern.next(change + offset - 1);
  return wall !== undefined && wall < change + before ? wall - offset : undefined;
}

/** The first moment with the offset of `toMs`; one change lies between the two. */
function changeBetween(zone: ZoneClock, fromMs: number, toMs: number): number {
  const offset = zone.offsetMs(toMs);
  let [low, high] = [fromMs, toMs];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (zone.offsetMs(middle) === offset) high = middle;
    else low = middle;
  }
  return high;
}
