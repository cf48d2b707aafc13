/** A text without halves of characters, as a cut leaves them: not every client can read an answer that holds one. */
export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "\ufffd");
}
