import { createDecoder } from "./decoder.js";
import { DeviceError } from "./device-error.js";
import { ownText } from "./own-text.js";
import { createRecentText } from "./recent-text.js";
import { createScreen } from "./screen.js";
import type { Transcript } from "./transcript.js";
import type { Channel } from "./transport.js";

/** Who is told what a shell prints. */
export interface ShellListener {
  /** A finished line, or a settled part of a very long one. */
  text(text: string, endsLine: boolean): void;
  /** A chunk of bytes has been read; `shell.line` is the last line now. */
  chunk(): void;
  gone(error: DeviceError): void;
}

/** Whether what the device will do next is known: at its prompt, working on something, or anybody's guess. */
export type ShellState = "ready" | "busy" | "doubtful" | "gone";

/** A terminal on a device: bytes in, text out, one listener at a time. */
export interface Shell {
  state: ShellState;
  readonly line: string;
  /** The last finished line. */
  readonly above: string;
  /** The last lines received, 4 KiB at most, cleaned. */
  readonly recent: string;
  /** Something was printed while nobody listened. */
  readonly heardUnasked: boolean;
  readonly gone: DeviceError | undefined;
  /** Asked before every write, beside the one given to `send`; what it throws closes the channel. */
  guard: (() => void) | undefined;
  transcript: Transcript | undefined;
  /** Writes. Throws what the guards throw, or DISCONNECTED. */
  send(text: string, options?: { readonly secret?: boolean; readonly beforeWrite?: (() => void) | undefined }): void;
  /** Only one listener; the returned function ends it. */
  listen(listener: ShellListener): () => void;
  pause(): void;
  resume(): void;
  dropLine(): void;
  /** Nothing will happen here for a while: what was printed is let go, also so that the next user's errors do not show it. */
  rest(): void;
  close(): void;
}

/** How a platform's terminal differs from others. */
export interface ShellHabits {
  /** What the Enter key sends. */
  readonly newline: string;
  /** The last line is painted with blanks to the edge: all but one at its end mean nothing. */
  readonly repaints: boolean;
}

/** Wraps a channel. `onGone` is registered by the caller with its transport through {@link Shell.close}-independent `lost`. */
export function createShell(
  channel: Channel,
  { newline, repaints }: ShellHabits,
): Shell & { lost(error: DeviceError): void } {
  const decoder = createDecoder();
  let listener: ShellListener | undefined;
  let gone: DeviceError | undefined;
  let heardUnasked = false;
  const recent = createRecentText();
  let above = "";

  const screen = createScreen((text, endsLine) => {
    recent.push(endsLine ? `${text}\n` : text);
    if (endsLine) above = text;
    listener?.text(text, endsLine);
  });
  const lastLine = (): string => (repaints ? screen.line.replace(/(?<=\S) +$/, " ") : screen.line);
  const lost = (error: DeviceError): void => {
    if (gone) return;
    gone = error;
    shell.state = "gone";
    listener?.gone(error);
  };

  channel.listen({
    data(bytes) {
      if (gone) return;
      shell.transcript?.received(bytes, "out");
      if (!listener) heardUnasked = true;
      screen.write(decoder.push(bytes));
      listener?.chunk();
    },
    end(end) {
      lost(end.error ?? new DeviceError("DISCONNECTED", "the device closed the session"));
    },
  });

  const shell: Shell & { lost(error: DeviceError): void } = {
    state: "busy",
    guard: undefined,
    transcript: undefined,
    get line() {
      return lastLine();
    },
    get above() {
      return above;
    },
    get recent() {
      return recent.read(screen.line);
    },
    get heardUnasked() {
      return heardUnasked;
    },
    get gone() {
      return gone;
    },
    send(text, { secret = false, beforeWrite } = {}) {
      if (gone) throw gone;
      try {
        shell.guard?.();
        beforeWrite?.();
      } catch (error) {
        shell.state = "doubtful";
        channel.close();
        throw error;
      }
      const keys = newline === "\n" ? text : text.replaceAll("\n", newline);
      shell.transcript?.sent(keys, secret);
      channel.write(keys);
    },
    listen(next) {
      if (listener) throw new Error("this session is already at work");
      listener = next;
      heardUnasked = false;
      return () => {
        if (listener === next) listener = undefined;
      };
    },
    pause: () => channel.pause(),
    resume: () => channel.resume(),
    dropLine: () => screen.dropLine(),
    rest() {
      recent.forget();
      above = ownText(above);
      screen.rest();
    },
    close: () => channel.close(),
    lost,
  };
  return shell;
}
