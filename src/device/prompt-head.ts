/** Keeps lines that belong to a prompt below them, such as `[edit]`, out of the output. */
export interface PromptHead {
  take(text: string, endsLine: boolean): void;
  /** The prompt came: what is held was part of it. */
  drop(): void;
}

/** Lines that match `above` are held until it is known what follows them: a prompt, or more output. */
export function createPromptHead(
  above: RegExp | undefined,
  emit: (text: string, endsLine: boolean) => void,
): PromptHead {
  let held: string[] = [];
  return {
    take(text, endsLine) {
      if (endsLine && above?.test(text)) return void held.push(text);
      for (const line of held) emit(line, true);
      held = [];
      emit(text, endsLine);
    },
    drop() {
      held = [];
    },
  };
}
