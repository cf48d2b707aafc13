/**
 * The same text, on its own: a piece that was cut from a text keeps all of it in memory, which for a prompt is the whole
 * chunk of output that it ended. For short texts that are kept for long.
 */
export function ownText(text: string): string {
  return JSON.parse(JSON.stringify(text)) as string;
}
