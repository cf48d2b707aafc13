/** The lines of a text, whatever ends them. */
export function textLines(text: string): string[] {
  return text.split(/\r\n|[\r\n]/);
}
