import { createDecoder } from "./decoder.js";
import { DeviceError } from "./device-error.js";
import { ownText } from "./own-text.js";
import { createRecentText } from "./recent-text.js";
import { createScreen, renderLines, type Screen } from "./screen.js";
import type { Transcript } from "./transcript.js";
import type { Channel } from "./transport.js";

/** Who is told what a shell prints. */
export interface ShellListener {
  /** A finished line, or a settled part of a very long one. */
  text(text: string, endsLine: boolean): void;
  /** A chunk of so many bytes has been read; `shell.line` is the last line now. */
  chunk(bytes: number): void;
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

/** A shell of which whoever holds its connection says that it is lost. */
export interface LosableShell extends Shell {
  lost(error: DeviceError): void;
}

/** Wraps a channel. */
export function createShell(channel: Channel, habits: ShellHabits): LosableShell {
  return new TerminalShell(channel, habits);
}

/** What {@link Shell.recent} shows of what came: rendered only when somebody asks. */
const rendered = (text: string): string => renderLines(text).join("\n");
/** As if the device had wiped its last line out. */
const wipe = "\r\x1b[K";

/** One for each session: a class, so that all of them are of one shape and share their methods. */
class TerminalShell implements LosableShell {
  state: ShellState = "busy";
  guard: (() => void) | undefined = undefined;
  transcript: Transcript | undefined = undefined;
  above = "";
  heardUnasked = false;
  gone: DeviceError | undefined = undefined;
  private readonly channel: Channel;
  private readonly habits: ShellHabits;
  private readonly decoder = createDecoder();
  private readonly recentText = createRecentText(rendered);
  private readonly screen: Screen;
  private listener: ShellListener | undefined = undefined;

  constructor(channel: Channel, habits: ShellHabits) {
    this.channel = channel;
    this.habits = habits;
    this.screen = createScreen((text, endsLine) => {
      if (endsLine) this.above = text;
      this.listener?.text(text, endsLine);
    });
    channel.listen({
      data: (bytes) => this.data(bytes),
      end: (end) => this.lost(end.error ?? new DeviceError("DISCONNECTED", "the device closed the session")),
    });
  }

  get line(): string {
    const { line } = this.screen;
    return this.habits.repaints ? line.replace(/(?<=\S) +$/, " ") : line;
  }

  get recent(): string {
    return this.recentText.read();
  }

  send(
    text: string,
    {
      secret = false,
      beforeWrite,
    }: { readonly secret?: boolean; readonly beforeWrite?: (() => void) | undefined } = {},
  ): void {
    if (this.gone) throw this.gone;
    try {
      this.guard?.();
      beforeWrite?.();
    } catch (error) {
      this.state = "doubtful";
      this.channel.close();
      throw error;
    }
    const { newline } = this.habits;
    const keys = newline === "\n" ? text : text.replaceAll("\n", newline);
    this.transcript?.sent(keys, secret);
    this.channel.write(keys);
  }

  listen(next: ShellListener): () => void {
    if (this.listener) throw new Error("this session is already at work");
    this.listener = next;
    this.heardUnasked = false;
    return () => {
      if (this.listener === next) this.listener = undefined;
    };
  }

  pause(): void {
    this.channel.pause();
  }

  resume(): void {
    this.channel.resume();
  }

  dropLine(): void {
    this.screen.dropLine();
    this.recentText.push(wipe);
  }

  rest(): void {
    this.recentText.forget();
    this.above = ownText(this.above);
    this.screen.rest();
  }

  close(): void {
    this.channel.close();
  }

  lost(error: DeviceError): void {
    if (this.gone) return;
    this.gone = error;
    this.state = "gone";
    this.listener?.gone(error);
  }

  private data(bytes: Uint8Array): void {
    if (this.gone) return;
    this.transcript?.received(bytes, "out");
    if (!this.listener) this.heardUnasked = true;
    const text = this.decoder.push(bytes);
    this.recentText.push(text);
    this.screen.write(text);
    this.listener?.chunk(bytes.length);
  }
}
