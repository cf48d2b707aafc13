/** What a channel carried, kept for debugging and for `replay`. */
export interface Transcript {
  /** The whole as JSON lines, secrets masked. */
  toJsonLines(): string;
  /** True when the byte limit cut it. */
  readonly truncated: boolean;
}
