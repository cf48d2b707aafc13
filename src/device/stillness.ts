import type { ExchangeRequest } from "./exchange-request.js";
import type { Platform } from "./platform.js";

/** How long something must stand still at the end of the output before it is believed, in milliseconds. */
export const stillness = {
  /** A pager or an expected question, which could also be a line of output cut in two. */
  text: 15,
  /** A prompt that may be painted once more. */
  repainted: 30,
  /** The first prompt of a login. */
  firstPrompt: 40,
  /** The prompt after Ctrl-C. */
  interrupted: 30,
  /** A question nobody expected. */
  question: 400,
  /** Something that looks like a prompt but is not ours. */
  foreignPrompt: 250,
};

/** What has come of an answer that looks complete. */
interface Answer {
  /** More than the echo has come. */
  readonly answered: boolean;
  /** In how many pieces it came, its echo with it. */
  readonly pieces: number;
  /** From what was typed to the first of them, in milliseconds. */
  readonly answeredInMs: number;
  /** Lines came in pieces, so long apart at most, in milliseconds. */
  readonly torn: boolean;
  readonly longestPause: number;
}

/** How long whoever typed is ready to wait. */
type Patience = Pick<ExchangeRequest, "settleMs" | "settlesAsAnswered" | "isFollowed">;

/** How long the prompt of this platform must stand still behind such an answer, in milliseconds. */
export function settleMs(
  { repaints }: Pick<Platform, "repaints">,
  request: Patience,
  { torn, longestPause, ...answer }: Answer,
): number {
  return Math.max(
    askedMs(request, answer),
    repaints ? stillness.repainted : 0,
    torn ? Math.min(Math.max(4 * longestPause, 10), 500) : 0,
  );
}

function askedMs(
  { settleMs = 0, settlesAsAnswered, isFollowed }: Patience,
  { answered, pieces, answeredInMs }: Omit<Answer, "torn" | "longestPause">,
): number {
  if (!answered || (isFollowed && pieces === 1)) return 0;
  return settlesAsAnswered ? Math.min(settleMs, answeredInMs) : settleMs;
}
