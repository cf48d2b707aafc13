import { ownText } from "./own-text.js";

/** Receives what a screen has finished: whole lines without their end, and the settled parts of very long ones. */
export type ScreenSink = (text: string, endsLine: boolean) => void;

/** Renders a terminal's character stream into lines, in one pass. */
export interface Screen {
  write(text: string): void;
  /** The last line, which has no end yet, as a person would see it. */
  readonly line: string;
  /** Forgets the last line, and with it the blanks by which a device is about to wipe it out (a pager's text). */
  dropLine(): void;
  /** Lets go of what the last line was cut from. */
  rest(): void;
}

/** A line without an end is settled in pieces of this size, so that memory stays bounded; only the rest can be overwritten. */
const pieceLength = 32_768;
const longestSequence = 64;

const reading = { ground: 0, escape: 1, csi: 2, string: 3, stringEscape: 4, oneMore: 5 } as const;

/**
 * Carriage return and backspace move the cursor, and what follows overwrites; escape sequences that move or erase within
 * the line are obeyed, all others, NUL and the other control characters vanish. Tabs stay. Any cut of the input into
 * chunks gives the same lines.
 */
export function createScreen(sink: ScreenSink): Screen {
  return new LineScreen(sink);
}

/** Text as a terminal shows it, in lines; the last one has no end yet. */
export function renderLines(text: string): string[] {
  const lines: string[] = [];
  const screen = createScreen((line) => lines.push(line));
  screen.write(text);
  return [...lines, screen.line];
}

/** One for each session: a class, so that all of them are of one shape and share their methods. */
class LineScreen implements Screen {
  line = "";
  private readonly sink: ScreenSink;
  private readonly control = /[\x00-\x08\x0a-\x1f\x7f]/g;
  private column = 0;
  private state: number = reading.ground;
  private sequence = "";
  private wiping = false;

  constructor(sink: ScreenSink) {
    this.sink = sink;
  }

  write(text: string): void {
    const { control } = this;
    let at = 0;
    while (at < text.length) {
      if (this.state !== reading.ground) {
        const char = text.charAt(at);
        if (!this.inSequence(char)) {
          if (char < " " || char === "\x7f") this.controlCharacter(char);
          else this.put(char);
        }
        at++;
        continue;
      }
      control.lastIndex = at;
      const next = control.test(text) ? control.lastIndex - 1 : text.length;
      if (next > at) this.put(text.slice(at, next));
      at = next + 1;
      if (next >= text.length) return;
      const char = text.charAt(next);
      // The end of a line brings the cursor home by itself, so the return before it need not be looked for.
      if (char === "\r" && text.charAt(at) === "\n") {
        this.newline();
        at++;
      } else this.controlCharacter(char);
    }
  }

  dropLine(): void {
    this.line = "";
    this.column = 0;
    this.wiping = true;
  }

  rest(): void {
    this.line = ownText(this.line);
  }

  private put(text: string): void {
    if (this.wiping && /[^ ]/.test(text)) this.wiping = false;
    const { column } = this;
    const line = column > this.line.length ? this.line.padEnd(column) : this.line;
    this.line = column === line.length ? line + text : line.slice(0, column) + text + line.slice(column + text.length);
    this.column += text.length;
    while (this.line.length >= 2 * pieceLength && this.column >= 2 * pieceLength) {
      this.sink(this.line.slice(0, pieceLength), false);
      this.line = this.line.slice(pieceLength);
      this.column -= pieceLength;
    }
  }

  private home(): void {
    this.column = 0;
    if (this.wiping && this.line.trim() === "") this.line = "";
  }

  private newline(): void {
    if (this.wiping) this.home();
    const finished = this.line;
    this.line = "";
    this.column = 0;
    this.wiping = false;
    this.sink(finished, true);
  }

  private obey(final: string): void {
    const { line, column } = this;
    const count = Math.min(Math.max(Number.parseInt(this.sequence, 10) || 0, 0), pieceLength);
    const atLeastOne = Math.max(count, 1);
    if (final === "C") this.column = Math.min(column + atLeastOne, pieceLength);
    else if (final === "D" || final === "G") {
      this.column = final === "D" ? Math.max(0, column - atLeastOne) : atLeastOne - 1;
      if (this.column === 0) this.home();
    } else if (final === "P") this.line = line.slice(0, column) + line.slice(column + atLeastOne);
    else if (final === "@")
      this.line = (line.slice(0, column) + " ".repeat(atLeastOne) + line.slice(column)).slice(0, 2 * pieceLength);
    else if (final === "X")
      this.line = line.slice(0, column) + " ".repeat(atLeastOne) + line.slice(column + atLeastOne);
    else if (final === "K" || final === "J") {
      if (count === 0) this.line = line.slice(0, column);
      else if (count === 1) this.line = " ".repeat(Math.min(column, line.length)) + line.slice(column);
      else this.line = "";
    }
  }

  /** One character inside an escape sequence; false when it does not belong to it and has to be read as usual. */
  private inSequence(char: string): boolean {
    const code = char.charCodeAt(0);
    if (this.state === reading.string) {
      // Titles and the like end with BEL or ESC \. A line end also ends them: output is worth more than a broken title.
      if (char === "\x1b") this.state = reading.stringEscape;
      else if (char === "\x07") this.state = reading.ground;
      else if (char === "\n" || char === "\r") this.state = reading.ground;
      return char !== "\n" && char !== "\r";
    }
    if (this.state === reading.stringEscape) {
      this.state = reading.ground;
      if (char === "\\") return true;
      this.state = reading.escape;
      return this.inSequence(char);
    }
    if (code < 0x20 || code === 0x7f) {
      this.state = reading.ground;
      return false;
    }
    if (this.state === reading.oneMore) this.state = reading.ground;
    else if (this.state === reading.escape) {
      this.sequence = "";
      if (char === "[") this.state = reading.csi;
      else if ("]PX^_".includes(char)) this.state = reading.string;
      else if ("()*+#% ".includes(char)) this.state = reading.oneMore;
      else this.state = reading.ground;
    } else if (code >= 0x40 && code <= 0x7e) {
      this.state = reading.ground;
      this.obey(char);
    } else if (code > 0x7e || this.sequence.length >= longestSequence) {
      this.state = reading.ground;
      return false;
    } else this.sequence += char;
    return true;
  }

  private controlCharacter(char: string): void {
    if (char === "\n") this.newline();
    else if (char === "\r") this.home();
    else if (char === "\b") {
      if (this.column > 0) this.column--;
      if (this.column === 0) this.home();
    } else if (char === "\x1b") this.state = reading.escape;
  }
}
