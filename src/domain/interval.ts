const units = { seconds: 1_000, minutes: 60_000, hours: 3_600_000 } as const;

/** The longest interval: a year. */
const longestMs = 366 * 86_400_000;

/** An interval as people write it, read: milliseconds, or what is wrong with it. */
export type ReadInterval = { readonly periodMs: number } | { readonly problem: string };

/** Reads `every <integer> (seconds|minutes|hours)`; a single unit may stand without its plural. */
export function readInterval(text: string): ReadInterval {
  const match = /^\s*every\s+(-?\d+)\s+(second|minute|hour)s?\s*$/.exec(text);
  if (!match) return { problem: 'must be written "every <integer> (seconds|minutes|hours)"' };
  const count = Number(match[1]);
  if (count < 1) return { problem: "must be at least 1 second" };
  const periodMs = count * units[`${match[2] as "second" | "minute" | "hour"}s`];
  return periodMs > longestMs ? { problem: "must be at most 366 days" } : { periodMs };
}
