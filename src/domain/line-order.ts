/** What a point of priority is worth in a line, in milliseconds of waiting. */
export const priorityPointMs = 60_000;

/** Place in a device's line: smaller goes first. Set at acceptance and kept across retries. */
export function lineScore(acceptedMs: number, priority: number): number {
  return acceptedMs - priority * priorityPointMs;
}
