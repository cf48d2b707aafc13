import { parse } from "yaml";
import { DeviceError } from "./device-error.js";
import type { Channel, ChannelListener, Transport } from "./transport.js";

/** Something that was typed, and everything the device then printed. */
export interface RecordedTurn {
  readonly sent: string;
  readonly reply: string;
}

/** A session as somebody recorded it, byte for byte. */
export interface RecordedSession {
  readonly greeting: string;
  readonly turns: readonly RecordedTurn[];
}

const escapes: Readonly<Record<string, string>> = {
  ...{ a: "\x07", b: "\b", e: "\x1b", f: "\f", n: "\n", r: "\r", s: " ", t: "\t", v: "\v", "0": "\0" },
};

/** Undoes `\r`, `\e`, `\x20`, `\u00e9`, `\"` and the like. */
function unescapeText(text: string): string {
  return text.replace(
    /\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|([^]))/g,
    (_, hex: string | undefined, wide: string | undefined, one: string) =>
      hex !== undefined || wide !== undefined
        ? String.fromCharCode(Number.parseInt(hex ?? wide ?? "", 16))
        : (escapes[one] ?? one),
  );
}

/**
 * Reads a recording in YAML: `init_prompt`, a text, and `commands`, a mapping from what was typed to what was printed, or
 * a list of such mappings in order. Texts have their control characters escaped. Throws a RangeError for anything else.
 */
export function parseRecordedSession(yaml: string): RecordedSession {
  const text = (value: unknown): string => {
    if (value === null || value === undefined) return "";
    if (typeof value !== "string") throw new RangeError("what was typed and printed has to be text");
    return unescapeText(value);
  };
  const document = parse(yaml) as { readonly init_prompt?: unknown; readonly commands?: unknown } | null;
  const commands = document?.commands;
  if (typeof commands !== "object" || commands === null) throw new RangeError("a recording has `commands`");
  const mappings: unknown[] = Array.isArray(commands) ? commands : [commands];
  return {
    greeting: text(document?.init_prompt),
    turns: mappings.flatMap((mapping) =>
      Object.entries((mapping ?? {}) as Record<string, unknown>).map(([sent, reply]) => ({ sent, reply: text(reply) })),
    ),
  };
}

/** A device that goes on as the recording does. What was not typed then is echoed and answered by `prompt` alone. */
export interface RecordedDevice {
  readonly transport: Transport;
  /** What comes next in the recording; undefined behind its end. */
  readonly next: RecordedTurn | undefined;
  /** Bytes that the device has yet to print for what it was sent. */
  readonly unsaid: number;
}

/**
 * Plays a recording, each line in turns of the event loop of its own, so that whoever reads has time to be wrong; with
 * `pieceLength`, which is asked before each piece, in pieces of so many bytes.
 */
export function createRecordedDevice(
  { greeting, turns }: RecordedSession,
  prompt: string,
  pieceLength: () => number = () => Infinity,
): RecordedDevice {
  let listener: ChannelListener | undefined;
  let at = 0;
  let typed = "";
  const pieces: Buffer[] = [];
  let isSpeaking = false;
  const say = (text: string): void => {
    for (const line of text.split(/(?<=\n)/)) {
      let rest = Buffer.from(line, "utf8");
      do {
        const length = pieceLength();
        pieces.push(rest.subarray(0, length));
        rest = rest.subarray(length);
      } while (rest.length > 0);
    }
    if (!isSpeaking) speak();
  };
  const speak = (): void => {
    const piece = pieces.shift();
    isSpeaking = piece !== undefined;
    if (piece === undefined) return;
    listener?.data(piece, "out");
    setImmediate(() => setImmediate(() => setImmediate(speak)));
  };
  const channel: Channel = {
    listen(next) {
      listener = next;
      setImmediate(() => say(greeting));
    },
    write(data) {
      typed += data.replaceAll("\r\n", "\n");
      for (;;) {
        const turn = turns[at];
        if (turn && turn.sent !== "" && typed.startsWith(turn.sent)) {
          at++;
          typed = typed.slice(turn.sent.length);
          say(turn.reply);
          continue;
        }
        const end = typed.indexOf("\n");
        if (end < 0) return;
        say(`${typed.slice(0, end)}\r\n${prompt}`);
        typed = typed.slice(end + 1);
      }
    },
    sendEof: () => undefined,
    signal: () => undefined,
    pause: () => undefined,
    resume: () => undefined,
    close: () => listener?.end({ error: new DeviceError("DISCONNECTED", "closed by us") }),
  };
  return {
    get next() {
      return turns[at];
    },
    get unsaid() {
      return pieces.reduce((sum, piece) => sum + piece.length, 0);
    },
    transport: {
      hostKey: { type: "none", fingerprint: "", line: "" },
      hostKeyIsNew: false,
      remoteVersion: "recording",
      connectMs: 0,
      authMs: 0,
      closed: false,
      openShell: () => Promise.resolve(channel),
      exec: () => Promise.reject(new DeviceError("UNSUPPORTED_BY_PLATFORM", "a recording has no exec channels")),
      onClose: () => undefined,
      close: () => Promise.resolve(),
    },
  };
}
