import { Cron } from "croner";
import { type Calendar, CronProblem, type WallPattern, type ZoneClock } from "../domain/calendar.js";

/** The fields of an expression with six of them, and what may stand there. */
const parts = [
  { name: "second", takes: "0 to 59" },
  { name: "minute", takes: "0 to 59" },
  { name: "hour", takes: "0 to 23" },
  { name: "day of month", takes: "1 to 31, or L for the last" },
  { name: "month", takes: "1 to 12, or JAN to DEC" },
  { name: "day of week", takes: "0 to 7, or SUN to SAT" },
] as const;

/** The calendar of this machine: time zones are those of its ICU data, cron expressions are read by croner. */
export function createCalendar(): Calendar {
  const zones = new Map<string, ZoneClock | undefined>();
  return {
    cron: readCron,
    zone(name) {
      if (!zones.has(name)) zones.set(name, openZone(name));
      return zones.get(name);
    },
  };
}

function readCron(expression: string): WallPattern {
  const given = expression.trim().split(/\s+/);
  if (given.length < 5 || given.length > 6 || given[0]?.startsWith("@")) {
    const message = "must have five fields (minute, hour, day of month, month, day of week) or six (second first)";
    throw new CronProblem(message);
  }
  const fields = given.length === 5 ? ["0", ...given] : given;
  for (const [index, { name, takes }] of parts.entries()) {
    const field = fields[index] ?? "";
    if (!reads(parts.map((_, at) => (at === index ? field : "*")).join(" "))) {
      throw new CronProblem(`${name} "${field}" is not valid: ${takes}; * , - and / join and repeat them`, name);
    }
  }
  const cron = open(fields.join(" "));
  return {
    everyHour: fields[2]?.startsWith("*") === true,
    next: (wallMs) => cron.nextRun(new Date(wallMs))?.getTime(),
  };
}

/** Reads along the wall: in UTC no clock is ever changed. */
function open(expression: string): Cron {
  return new Cron(expression, { timezone: "UTC", paused: true });
}

function reads(expression: string): boolean {
  if (expression.includes("?")) return false;
  try {
    open(expression);
    return true;
  } catch {
    return false;
  }
}

/** Names of zones only: "+02:00" is none, and has no rule for the clocks. */
function openZone(name: string): ZoneClock | undefined {
  if (!/^[A-Za-z]/.test(name)) return undefined;
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat("en-US", { ...wallFields, timeZone: name });
  } catch {
    return undefined;
  }
  const known = new Map<number, number>();
  return {
    offsetMs(atMs) {
      const quarter = Math.floor(atMs / quarterMs);
      let offset = known.get(quarter);
      if (offset !== undefined) return offset;
      offset = readOffset(format, quarter * quarterMs);
      if (known.size >= mostKnown) known.clear();
      known.set(quarter, offset);
      return offset;
    },
  };
}

/** Clocks have been changed at quarters of an hour, in UTC, for as long as schedules look back. */
const quarterMs = 900_000;
const mostKnown = 10_000;

function readOffset(format: Intl.DateTimeFormat, atMs: number): number {
  const at: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
  for (const { type, value } of format.formatToParts(atMs)) at[type] = Number(value);
  return Date.UTC(at.year ?? 0, (at.month ?? 1) - 1, at.day, at.hour, at.minute, at.second) - atMs;
}

const wallFields = {
  calendar: "gregory",
  numberingSystem: "latn",
  hourCycle: "h23",
  year: "numeric",
  month: "numeric",
  day: "numeric",
  hour: "numeric",
  minute: "numeric",
  second: "numeric",
} as const;
