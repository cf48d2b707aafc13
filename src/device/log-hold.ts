/** Stands between the lines of a command and its output, because of log messages that a device prints behind its prompt. */
export interface LogHold {
  line(text: string): void;
  /** A settled part of a very long line. */
  part(text: string): void;
  /** Our prompt was printed, then log messages, and nothing since. */
  isPromptBehind(): boolean;
  /** The command is over: what is held was a log message behind the prompt and is dropped, or output and is let go. */
  end(): void;
}

/**
 * `R1#`, end of line, `%SYS-5-CONFIG_I: …`: the command is over, but its prompt is not the last line any more. So a line
 * that equals our prompt is held back while nothing but log messages follows it. As soon as anything else does, all of
 * it was output after all.
 */
export function createLogHold(
  log: RegExp | undefined,
  isPrompt: (line: string) => boolean,
  emit: (text: string, endsLine: boolean) => void,
): LogHold {
  let held: string[] = [];
  let logged = false;
  const letGo = (): void => {
    for (const line of held) emit(line, true);
    held = [];
    logged = false;
  };
  return {
    line(text) {
      if (held.length > 0) {
        const isLog = log?.test(text) ?? false;
        if (isLog || text === "") {
          held.push(text);
          logged ||= isLog;
          return;
        }
        letGo();
      }
      if (log && isPrompt(text)) held.push(text);
      else emit(text, true);
    },
    part(text) {
      letGo();
      emit(text, false);
    },
    isPromptBehind: () => logged,
    end() {
      if (logged) held = [];
      letGo();
    },
  };
}
