import {
  type JobState,
  JobStateSchema,
  type SessionState,
  SessionStateSchema,
  type WorkerState,
  WorkerStateSchema,
} from "@pointsman/sdk/v1";

/** The command line itself is wrong: reported on one line, status 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  /** By this the parser of options knows that a value was refused, and names the option. */
  readonly code = "commander.invalidArgument";
}

const units: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** "30s", "5m", "1h30m", "500ms", "2d", or a plain number of seconds; in milliseconds. */
export function parseDuration(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text) {
    throw new UsageError(`"${text}" is no duration; write it like 30s, 5m or 1h30m`);
  }
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (units[unit ?? ""] ?? 0), 0);
}

/** A time, in the local zone unless it says another. */
export function parseTime(text: string): Date {
  const date = new Date(text);
  const day = new Date(`${text.slice(0, 10)}T00:00:00Z`);
  const isTime = /^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(date.getTime());
  // A day that its month does not have would be one of the next month.
  if (isTime && day.getUTCDate() === Number(text.slice(8, 10))) return date;
  throw new UsageError(`"${text}" is no time; write it like 2026-11-20T18:00:00`);
}

/** A time, or how long ago it was. */
export function parseSince(text: string, now: Date): Date {
  if (/^\d{4}-\d\d-\d\d/.test(text)) return parseTime(text);
  return new Date(now.getTime() - parseDuration(text));
}

/** A whole number between the two bounds, both included. */
export function parseInteger(name: string, least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^-?\d+$/.test(text) || value < least || value > most) {
      throw new UsageError(`${name} must be a whole number from ${least} to ${most}, not "${text}"`);
    }
    return value;
  };
}

/** Collects "key=value" options; the first "=" divides. */
export function collectPairs(name: string): (text: string, before?: Record<string, string>) => Record<string, string> {
  return (text, before = {}) => {
    const at = text.indexOf("=");
    if (at < 1) throw new UsageError(`${name} must be key=value, not "${text}"`);
    return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
  };
}

/** Collects an option that may be repeated. */
export function collect(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

interface EnumValues {
  readonly values: readonly { readonly number: number; readonly localName: string }[];
}

/** Collects states by name, repeated or divided by commas, in any letter case. */
function collectStatesOf<T extends number>(schema: EnumValues): (text: string, before?: readonly T[]) => T[] {
  const known = schema.values.filter(({ number }) => number !== 0);
  return (text, before = []) => {
    const names = text.split(",").map((name) => name.trim().toUpperCase().replaceAll("-", "_"));
    return [
      ...before,
      ...names.map((name) => {
        const value = known.find((candidate) => candidate.localName === name);
        if (value === undefined) {
          const all = known.map(({ localName }) => localName.toLowerCase()).join(", ");
          throw new UsageError(`"${name.toLowerCase()}" is no state; the states are ${all}`);
        }
        return value.number as T;
      }),
    ];
  };
}

/** Collects states of jobs. */
export const collectStates = collectStatesOf<JobState>(JobStateSchema);
/** Collects states of sessions. */
export const collectSessionStates = collectStatesOf<SessionState>(SessionStateSchema);
/** Collects states of workers. */
export const collectWorkerStates = collectStatesOf<WorkerState>(WorkerStateSchema);

/** One of the given words. */
export function oneOf<T extends string>(name: string, words: readonly T[]): (text: string) => T {
  return (text) => {
    const word = words.find((candidate) => candidate === text);
    if (word === undefined) throw new UsageError(`${name} must be one of ${words.join(", ")}, not "${text}"`);
    return word;
  };
}

/** Where a job is to run: a device's name, or an account at an address. */
export type TargetArgument =
  | { readonly device: string }
  | { readonly username: string; readonly address: string; readonly port: number | undefined };

/** "NAME", "USER@HOST", "USER@HOST:PORT", "USER@[2001:db8::1]:PORT"; the last "@" divides. */
export function parseTarget(text: string): TargetArgument {
  const at = text.lastIndexOf("@");
  if (at < 0) return { device: text };
  const username = text.slice(0, at);
  const host = text.slice(at + 1);
  const match = /^\[([0-9A-Fa-f:.%]+)\](?::(\d+))?$/.exec(host) ?? /^([^:[\]]+)(?::(\d+))?$/.exec(host);
  const address = match?.[1] ?? (/^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*$/.test(host) ? host : undefined);
  if (username === "" || address === undefined) {
    throw new UsageError(
      `"${text}" is no target; write it like admin@10.0.0.1, admin@10.0.0.1:2222 or admin@[2001:db8::1]:2222`,
    );
  }
  return {
    username,
    address,
    port: match?.[2] === undefined ? undefined : parseInteger("the port", 1, 65_535)(match[2]),
  };
}
