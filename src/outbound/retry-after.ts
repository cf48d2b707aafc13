/** The longest that an answer can make us wait. */
const longestMs = 3_600_000;

/** What a Retry-After header asks for, in milliseconds from now: seconds, or a date. Undefined: nothing that can be read. */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1_000 : Date.parse(header) - nowMs;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), longestMs);
}
