/**
 * What cron means, worked out without the code under test: every minute is looked at, its wall is read from Intl, and
 * the expression is matched field by field.
 */
const minuteMs = 60_000;
const zones = new Map<string, { readonly format: Intl.DateTimeFormat; readonly walls: Map<number, number> }>();

function wallOf(name: string, atMs: number): number {
  let zone = zones.get(name);
  if (!zone) {
    const options = { timeZone: name, hourCycle: "h23", dateStyle: "short", timeStyle: "medium" } as const;
    zones.set(name, (zone = { format: new Intl.DateTimeFormat("sv-SE", options), walls: new Map() }));
  }
  let wall = zone.walls.get(atMs);
  if (wall === undefined) zone.walls.set(atMs, (wall = Date.parse(`${zone.format.format(atMs).replace(" ", "T")}Z`)));
  return wall;
}

/** The values that a field means. */
function valuesOf(field: string, least: number, most: number): Set<number> {
  const values = new Set<number>();
  for (const part of field.split(",")) {
    const [range = "", step] = part.split("/");
    const [from = least, to] = range === "*" ? [least, most] : range.split("-").map(Number);
    for (let value = from; value <= (to ?? from); value += Number(step ?? 1)) values.add(value);
  }
  return values;
}

/** Whether an expression means a wall time. */
function matcherOf(expression: string): (wallMs: number) => boolean {
  const [minute = "", hour = "", day = "", month = "", weekday = ""] = expression.split(" ");
  const [minutes, hours, months] = [valuesOf(minute, 0, 59), valuesOf(hour, 0, 23), valuesOf(month, 1, 12)];
  const [days, weekdays] = [valuesOf(day, 1, 31), valuesOf(weekday, 0, 7)];
  return (wallMs) => {
    const wall = new Date(wallMs);
    if (!minutes.has(wall.getUTCMinutes()) || !hours.has(wall.getUTCHours())) return false;
    const onDay = days.has(wall.getUTCDate());
    const onWeekday = weekdays.has(wall.getUTCDay()) || weekdays.has(wall.getUTCDay() || 7);
    return (
      months.has(wall.getUTCMonth() + 1) && (day === "*" || weekday === "*" ? onDay && onWeekday : onDay || onWeekday)
    );
  };
}

/** Every moment from `fromMs` on and before `toMs` at which an expression of five fields comes. */
export function everyCronTime(expression: string, zone: string, fromMs: number, toMs: number): number[] {
  const matches = matcherOf(expression);
  const followsElapsedTime = expression.split(" ")[1]?.startsWith("*") === true;
  const shown = new Set<number>();
  const found: number[] = [];
  let before = NaN;
  // What the clocks showed shortly before counts too: they may show it again.
  for (let at = fromMs - 120 * minuteMs; at < toMs; at += minuteMs) {
    const wall = wallOf(zone, at);
    let comes = matches(wall) && (followsElapsedTime || !shown.has(wall));
    if (!followsElapsedTime) {
      for (let gap = before + minuteMs; gap < wall; gap += minuteMs) comes ||= matches(gap);
    }
    if (comes && at >= fromMs) found.push(at);
    shown.add(wall);
    before = wall;
  }
  return found;
}
