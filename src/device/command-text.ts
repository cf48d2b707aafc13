import type { ExchangeContext } from "./exchange-request.js";
import { createLogHold } from "./log-hold.js";
import { createPromptHead } from "./prompt-head.js";

/** Tells a command's output from what belongs to the prompt below it and from log messages behind that. */
export interface CommandText {
  /** A whole line, or with `endsLine` false a settled part of a very long one. */
  take(text: string, endsLine: boolean): void;
  /** Our prompt was printed, then log messages, and nothing since. */
  isPromptBehind(): boolean;
  /** The prompt came. */
  end(): void;
}

/** `emit` is given output, in order, in the pieces that it was taken in. */
export function createCommandText(
  { platform, matcher }: Pick<ExchangeContext, "platform" | "matcher">,
  emit: (text: string, endsLine: boolean) => void,
): CommandText {
  const hold = createLogHold(platform.log, (line) => matcher.match(line) !== undefined, emit);
  const head = createPromptHead(platform.above, (text, endsLine) => (endsLine ? hold.line(text) : hold.part(text)));
  return {
    take: (text, endsLine) => head.take(text, endsLine),
    isPromptBehind: () => hold.isPromptBehind(),
    end() {
      head.drop();
      hold.end();
    },
  };
}
