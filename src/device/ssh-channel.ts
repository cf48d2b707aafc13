import type { Client, ClientChannel } from "ssh2";
import { DeviceError } from "./device-error.js";
import type { Channel, ChannelEnd } from "./transport.js";

type Opened = (error: Error | undefined, channel: ClientChannel) => void;

/** Opens a terminal. Rejects with SESSION_LIMIT, or with DISCONNECTED when the connection is gone. */
export function openShell(
  client: Client,
  columns: number,
  rows: number,
  gone: () => DeviceError | undefined,
): Promise<Channel> {
  return open(gone, "SESSION_LIMIT", (opened) => {
    client.shell({ term: "vt100", cols: columns, rows, width: 0, height: 0 }, opened);
  });
}

/** Runs one command in a channel of its own. */
export function openExec(client: Client, command: string, gone: () => DeviceError | undefined): Promise<Channel> {
  return open(gone, "UNSUPPORTED_BY_PLATFORM", (opened) => {
    client.exec(command, opened);
  });
}

function open(
  gone: () => DeviceError | undefined,
  refused: "SESSION_LIMIT" | "UNSUPPORTED_BY_PLATFORM",
  start: (opened: Opened) => void,
): Promise<Channel> {
  return new Promise((resolve, reject) => {
    const lost = (cause: unknown): DeviceError =>
      gone() ?? new DeviceError("DISCONNECTED", "the connection is gone", { cause });
    try {
      start((error, channel) => {
        if (!error) return resolve(wrap(channel, gone));
        if (gone() || error.message === "No response from server") return reject(lost(error));
        // A refused channel means that lines have run out; a refused request on an open channel, that it is not offered.
        const reason = /open failure/i.test(error.message) ? "SESSION_LIMIT" : refused;
        reject(new DeviceError(reason, `the device opened no channel: ${error.message}`, { cause: error }));
      });
    } catch (error) {
      reject(lost(error)); // ssh2 throws "Not connected"
    }
  });
}

/** The part of ssh2's channel that its types leave out. */
interface SignallingChannel {
  readonly _client: { readonly _protocol: { signal(id: number, name: string): void } };
  readonly outgoing: { readonly id: number; readonly state: string };
}

function wrap(channel: ClientChannel, gone: () => DeviceError | undefined): Channel {
  let exit: Pick<ChannelEnd, "exitStatus" | "signal"> = {};
  let ended = false;
  // ssh2 emits errors also after the end; without a listener for life they would end the process.
  channel.on("error", () => undefined);
  channel.stderr.on("error", () => undefined);
  channel.on("exit", (status: number | null, signal?: string) => {
    exit = status === null ? (signal ? { signal } : {}) : { exitStatus: status };
  });
  return {
    listen(listener) {
      channel.on("data", (bytes: Buffer) => listener.data(bytes, "out"));
      channel.stderr.on("data", (bytes: Buffer) => listener.data(bytes, "err"));
      channel.on("close", () => {
        if (ended) return;
        ended = true;
        const error = gone();
        listener.end(error ? { ...exit, error } : exit);
      });
    },
    write: (data) => void channel.write(data),
    sendEof: () => void channel.end(),
    // ssh2's own `signal` does nothing once no more input will come, which is when it is wanted.
    signal(name) {
      const { _client, outgoing } = channel as unknown as SignallingChannel;
      if (outgoing.state === "open" || outgoing.state === "eof") _client._protocol.signal(outgoing.id, name);
    },
    pause() {
      channel.pause();
      channel.stderr.pause();
    },
    resume() {
      channel.resume();
      channel.stderr.resume();
    },
    close: () => void channel.close(),
  };
}
