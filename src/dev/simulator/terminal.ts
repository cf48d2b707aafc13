import { StringDecoder } from "node:string_decoder";
import type { Output } from "./output.js";
import { countRows, showPages, type Source } from "./pager.js";

/** The line discipline of one shell: echo, line editing, questions, paging, Ctrl-C, type-ahead. */
export interface Terminal {
  /** Takes bytes from the client. */
  feed(data: Buffer): void;
  /** Prints without paging. */
  print(text: string): void;
  /** Prints through the pager. Undefined when it is done already. */
  show(source: Source): Promise<void> | undefined;
  /** Asks for one line; undefined when Ctrl-C was the answer. A hidden answer is not echoed. */
  ask(question: string, hidden: boolean): Promise<string | undefined>;
  /** Asks for one key. */
  askKey(question: string): Promise<string>;
  /** Aborts when the client interrupts the running command. */
  readonly signal: AbortSignal;
  /** Whether what is typed is shown (`stty -echo` turns it off). */
  echo: boolean;
  /** Prints a line that nobody asked for, wherever the cursor is, without repeating prompt or input. */
  announce(text: string): void;
  /** Prints greeting and first prompt. */
  open(greeting: string): void;
  /** Stops reading; what was printed still leaves. */
  close(): void;
}

/** What a terminal works with. */
export interface TerminalOptions {
  readonly output: Output;
  /** The prompt as it reads now. */
  readonly prompt: () => string;
  /** Runs one command line; the prompt follows when it is done. */
  readonly run: (line: string) => Promise<void> | undefined;
  /** Rows on a page; 0 means no paging. */
  readonly rows: () => number;
  /** What the pager prints when a page is full, and what takes that away again. */
  readonly more: { readonly text: string; readonly erase: string };
  /** What Ctrl-C prints. */
  readonly interruptText: string;
  /** Help for the line so far, when `?` asks for it; undefined makes `?` an ordinary character. */
  readonly help: ((line: string) => string) | undefined;
  /** Ctrl-Z (`"end"`) and Ctrl-D on an empty line (`"exit"`). */
  readonly control: (what: "end" | "exit") => void;
  /** A Ctrl-C arrived. */
  readonly interrupted: () => void;
  /** Puts what faults ask for between the lines of output. */
  readonly garnish: (text: string) => string;
}

const FLUSH_AT = 64 * 1024;
const SPECIAL = /[\x00-\x1f\x7f?]/;

/** Makes the terminal of one shell. One chunk of input without faults leads to one write. */
export function createTerminal(options: TerminalOptions): Terminal {
  const { output } = options;
  const decoder = new StringDecoder("utf8");
  let reading: "line" | "key" | "nothing" = "nothing";
  let pending = "";
  let line = "";
  let hidden = false;
  let afterReturn = false;
  let answered: ((answer: string | undefined) => void) | undefined;
  let pressed: ((key: string) => void) | undefined;
  let interruption: AbortController | undefined;
  let buffer = "";
  let atLineStart = true;
  let closed = false;

  const put = (wire: string): void => {
    if (wire === "") return;
    buffer += wire;
    atLineStart = wire.endsWith("\n");
    if (buffer.length > FLUSH_AT) flush();
  };
  const flush = (): void => {
    if (buffer === "") return;
    const ready = buffer;
    buffer = "";
    output.write(ready);
  };
  const print = (text: string): void => put(toWire(text));

  const readLine = (): void => {
    if (closed) return;
    reading = "line";
    put(options.prompt());
  };
  const finish = (): void => {
    if (closed) return flush();
    if (interruption?.signal.aborted && !atLineStart) put("\r\n");
    interruption = undefined;
    readLine();
  };
  const finishLater = (): void => {
    finish();
    drain();
  };
  const submit = (): void => {
    const text = line;
    line = "";
    put("\r\n");
    reading = "nothing";
    if (answered) {
      const answer = answered;
      answered = undefined;
      answer(text);
      return;
    }
    const running = options.run(text);
    if (!running) return finish();
    flush();
    running.then(finishLater, finishLater);
  };
  const rubOut = (count: number): void => {
    const width = Math.min(count, line.length);
    line = line.slice(0, line.length - width);
    if (!hidden && self.echo) put("\b \b".repeat(width));
  };
  const interruptLine = (): void => {
    line = "";
    options.interrupted();
    put(`${options.interruptText}\r\n`);
    if (answered) {
      const answer = answered;
      answered = undefined;
      reading = "nothing";
      answer(undefined);
    } else put(options.prompt());
  };
  const help = (): void => {
    if (!options.help || answered) return type("?");
    put("?\r\n");
    print(options.help(line));
    put(options.prompt() + line);
  };
  const type = (text: string): void => {
    line += text;
    if (!hidden && self.echo) put(text);
  };

  const act = (key: string): void => {
    const newlineOfReturn = key === "\n" && afterReturn;
    afterReturn = key === "\r";
    if (newlineOfReturn) return;
    if (key === "\r" || key === "\n") submit();
    else if (key === "?") help();
    else if (key === "\x03") interruptLine();
    else if (key === "\x7f" || key === "\b") rubOut(1);
    else if (key === "\x15" || key === "\x18") rubOut(line.length);
    else if (key === "\x17") rubOut(/\S*\s*$/.exec(line)?.[0].length ?? 0);
    else if (key === "\x1a" && !answered) control("end");
    else if (key === "\x04" && line === "" && !answered) control("exit");
  };
  const control = (what: "end" | "exit"): void => {
    line = "";
    put("\r\n");
    reading = "nothing";
    options.control(what);
    finish();
  };

  const drain = (): void => {
    while (pending !== "" && reading !== "nothing" && !closed) {
      if (reading === "key") {
        const key = pending.slice(0, 1);
        pending = pending.slice(1);
        reading = "nothing";
        pressed?.(key);
        break;
      }
      const at = pending.search(SPECIAL);
      if (at !== 0) {
        type(at < 0 ? pending : pending.slice(0, at));
        pending = at < 0 ? "" : pending.slice(at);
        afterReturn = false;
        continue;
      }
      const key = pending.slice(0, 1);
      pending = pending.slice(1);
      act(key);
    }
    if (reading === "nothing") interruptCommand();
    flush();
  };
  const interruptCommand = (): void => {
    const at = pending.lastIndexOf("\x03");
    if (at < 0) return;
    // Like a real line: an interrupt also throws away what was typed ahead.
    pending = pending.slice(at + 1);
    options.interrupted();
    put(options.interruptText);
    interruption ??= new AbortController();
    interruption.abort();
  };

  const page = (source: Source): Promise<void> => {
    const { signal } = self;
    return showPages(source, {
      rows: options.rows,
      over: () => signal.aborted || closed,
      garnish: options.garnish,
      print,
      full: () => {
        flush();
        return output.room();
      },
      async more() {
        const key = await self.askKey(options.more.text);
        put(options.more.erase);
        if (key === "\x03") options.interrupted();
        return key;
      },
    });
  };

  const self: Terminal = {
    echo: true,
    feed(data) {
      if (closed) return;
      pending += decoder.write(data);
      drain();
    },
    print,
    show(source) {
      if (typeof source !== "string") return page(source);
      const limit = options.rows();
      if (limit > 0 && countRows(source) >= limit) return page(source);
      print(options.garnish(source));
      return undefined;
    },
    ask(question, hide) {
      put(question);
      hidden = hide;
      line = "";
      reading = "line";
      return new Promise((resolve) => {
        answered = (answer) => {
          hidden = false;
          resolve(answer);
        };
        if (pending !== "") queueMicrotask(drain);
        flush();
      });
    },
    askKey(question) {
      put(question);
      reading = "key";
      return new Promise((resolve) => {
        pressed = resolve;
        if (pending !== "") queueMicrotask(drain);
        flush();
      });
    },
    get signal() {
      interruption ??= new AbortController();
      return interruption.signal;
    },
    announce(text) {
      if (closed) return;
      print(`${atLineStart ? "" : "\n"}${text}\n`);
      flush();
    },
    open(greeting) {
      print(greeting);
      readLine();
      drain();
    },
    close() {
      if (closed) return;
      flush();
      closed = true;
      reading = "nothing";
      interruption ??= new AbortController();
      interruption.abort();
      answered?.(undefined);
      pressed?.("\x03");
    },
  };
  return self;
}

function toWire(text: string): string {
  return text.replace(/\r?\n/g, "\r\n");
}
