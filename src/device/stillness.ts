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
