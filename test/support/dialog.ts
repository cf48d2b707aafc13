import { DeviceError } from "../../src/device/index.js";
import type { Channel, ChannelListener, Transport } from "../../src/device/index.js";

/** What a device says (`<`) and what it is then sent (`>`), byte for byte; `?` is sent or not, and answered if it is. */
export type Turn = readonly ["<" | ">", string] | readonly ["?", string, string];

/** Plays one side of a dialog, cutting what the device says where it is told to. */
export interface DialogDevice {
  readonly transport: Transport;
  /** Nothing is on its way to the engine. */
  isQuiet(): boolean;
  /** What was sent against the script, if anything. */
  readonly complaint: string | undefined;
  /** How much of the dialog has been played. */
  readonly finished: boolean;
}

/**
 * `cuts` yields the lengths of the pieces. `spread` hands over each piece in a turn of the event loop of its own, as
 * packets on a slow link, or as `later` says; otherwise all that the device says at once is there at once, in pieces.
 */
export function playDialog(
  turns: readonly Turn[],
  cuts: () => number,
  spread: boolean,
  later: (next: () => void) => void = setImmediate,
): DialogDevice {
  let listener: ChannelListener | undefined;
  let at = 0;
  let sent = "";
  let underway = 0;
  let complaint: string | undefined;

  const say = (text: string, then: () => void): void => {
    const bytes = Buffer.from(text, "latin1");
    let from = 0;
    underway++;
    const piece = (): void => {
      do {
        const to = Math.min(bytes.length, from + Math.max(1, cuts()));
        listener?.data(bytes.subarray(from, to), "out");
        from = to;
      } while (from < bytes.length && !spread);
      if (from < bytes.length) return later(piece);
      underway--;
      then();
    };
    setImmediate(piece);
  };
  const go = (): void => {
    const turn = turns[at];
    if (!turn) return;
    const [direction, text, reply] = turn;
    if (direction === "<") {
      at++;
      return say(text, go);
    }
    if (sent === "" || underway > 0) return;
    if (direction === "?") {
      at++;
      if (!sent.startsWith(text)) return go();
      sent = sent.slice(text.length);
      return say(reply ?? "", go);
    }
    if (sent.length < text.length && text.startsWith(sent)) return;
    if (!sent.startsWith(text)) {
      complaint ??= `expected ${JSON.stringify(text)}, was sent ${JSON.stringify(sent)}`;
      return listener?.end({ error: new DeviceError("DISCONNECTED", complaint) });
    }
    sent = sent.slice(text.length);
    at++;
    go();
  };
  const channel: Channel = {
    listen(next) {
      listener = next;
      go();
    },
    write(data) {
      sent += data;
      go();
    },
    sendEof: () => undefined,
    signal: () => undefined,
    pause: () => undefined,
    resume: () => undefined,
    close: () => listener?.end({ error: new DeviceError("DISCONNECTED", "closed by us") }),
  };
  return {
    isQuiet: () => underway === 0,
    get complaint() {
      return complaint;
    },
    get finished() {
      return at >= turns.length;
    },
    transport: {
      hostKey: { type: "none", fingerprint: "", line: "" },
      hostKeyIsNew: false,
      remoteVersion: "dialog",
      connectMs: 0,
      authMs: 0,
      closed: false,
      openShell: () => Promise.resolve(channel),
      exec: () => Promise.reject(new Error("a dialog has no exec channels")),
      onClose: () => undefined,
      close: () => Promise.resolve(),
    },
  };
}
