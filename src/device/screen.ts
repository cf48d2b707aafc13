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
  const control = /[\x00-\x08\x0a-\x1f\x7f]/g;
  let line = "";
  let column = 0;
  let state: number = reading.ground;
  let sequence = "";
  let wiping = false;

  const put = (text: string): void => {
    if (wiping && /[^ ]/.test(text)) wiping = false;
    if (column > line.length) line = line.padEnd(column);
    line = column === line.length ? line + text : line.slice(0, column) + text + line.slice(column + text.length);
    column += text.length;
    while (line.length >= 2 * pieceLength && column >= 2 * pieceLength) {
      sink(line.slice(0, pieceLength), false);
      line = line.slice(pieceLength);
      column -= pieceLength;
    }
  };

  const home = (): void => {
    column = 0;
    if (wiping && line.trim() === "") line = "";
  };

  const newline = (): void => {
    if (wiping) home();
    const finished = line;
    line = "";
    column = 0;
    wiping = false;
    sink(finished, true);
  };

  const obey = (final: string): void => {
    const count = Math.min(Math.max(Number.parseInt(sequence, 10) || 0, 0), pieceLength);
    const atLeastOne = Math.max(count, 1);
    if (final === "C") column = Math.min(column + atLeastOne, pieceLength);
    else if (final === "D" || final === "G") {
      column = final === "D" ? Math.max(0, column - atLeastOne) : atLeastOne - 1;
      if (column === 0) home();
    } else if (final === "P") line = line.slice(0, column) + line.slice(column + atLeastOne);
    else if (final === "@")
      line = (line.slice(0, column) + " ".repeat(atLeastOne) + line.slice(column)).slice(0, 2 * pieceLength);
    else if (final === "X") line = line.slice(0, column) + " ".repeat(atLeastOne) + line.slice(column + atLeastOne);
    else if (final === "K" || final === "J") {
      if (count === 0) line = line.slice(0, column);
      else if (count === 1) line = " ".repeat(Math.min(column, line.length)) + line.slice(column);
      else line = "";
    }
  };

  /** One character inside an escape sequence; false when it does not belong to it and has to be read as usual. */
  const inSequence = (char: string): boolean => {
    const code = char.charCodeAt(0);
    if (state === reading.string) {
      // Titles and the like end with BEL or ESC \. A line end also ends them: output is worth more than a broken title.
      if (char === "\x1b") state = reading.stringEscape;
      else if (char === "\x07") state = reading.ground;
      else if (char === "\n" || char === "\r") state = reading.ground;
      return char !== "\n" && char !== "\r";
    }
    if (state === reading.stringEscape) {
      state = reading.ground;
      if (char === "\\") return true;
      state = reading.escape;
      return inSequence(char);
    }
    if (code < 0x20 || code === 0x7f) {
      state = reading.ground;
      return false;
    }
    if (state === reading.oneMore) state = reading.ground;
    else if (state === reading.escape) {
      sequence = "";
      if (char === "[") state = reading.csi;
      else if ("]PX^_".includes(char)) state = reading.string;
      else if ("()*+#% ".includes(char)) state = reading.oneMore;
      else state = reading.ground;
    } else if (code >= 0x40 && code <= 0x7e) {
      state = reading.ground;
      obey(char);
    } else if (code > 0x7e || sequence.length >= longestSequence) {
      state = reading.ground;
      return false;
    } else sequence += char;
    return true;
  };

  const controlCharacter = (char: string): void => {
    if (char === "\n") newline();
    else if (char === "\r") home();
    else if (char === "\b") {
      if (column > 0) column--;
      if (column === 0) home();
    } else if (char === "\x1b") state = reading.escape;
  };

  return {
    write(text) {
      let at = 0;
      while (at < text.length) {
        if (state !== reading.ground) {
          const char = text.charAt(at);
          if (!inSequence(char)) {
            if (char < " " || char === "\x7f") controlCharacter(char);
            else put(char);
          }
          at++;
          continue;
        }
        control.lastIndex = at;
        const next = control.test(text) ? control.lastIndex - 1 : text.length;
        if (next > at) put(text.slice(at, next));
        at = next + 1;
        if (next >= text.length) return;
        const char = text.charAt(next);
        // The end of a line brings the cursor home by itself, so the return before it need not be looked for.
        if (char === "\r" && text.charAt(at) === "\n") {
          newline();
          at++;
        } else controlCharacter(char);
      }
    },
    get line() {
      return line;
    },
    dropLine() {
      line = "";
      column = 0;
      wiping = true;
    },
    rest() {
      line = ownText(line);
    },
  };
}
