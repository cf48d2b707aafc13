/** Finds the end of a command where the prompt comes back before its answer. */
export interface PromptMark {
  /** A prompt that is seen now is the end. */
  isOver(): boolean;
  /** A line was typed whose echo is awaited. */
  isSet(): boolean;
  /** Types an empty line at the last line of the screen. */
  set(line: string): void;
  /** Whether this finished line is the echo: what is printed behind it is the prompt. */
  isEcho(text: string): boolean;
}

/**
 * An empty line typed behind a command is taken only when the command is over, so its echo tells the end: a finished line
 * that holds nothing but the prompt.
 */
export function createPromptMark(isPrompt: (line: string) => boolean, typeEmptyLine: () => void): PromptMark {
  let at: string | undefined;
  let isOver = false;
  return {
    isOver: () => isOver,
    isSet: () => at !== undefined,
    set(line) {
      at = line;
      typeEmptyLine();
    },
    isEcho(text) {
      if (isOver || at === undefined || (text.trimEnd() !== at.trimEnd() && !isPrompt(text))) return false;
      isOver = true;
      return true;
    },
  };
}
