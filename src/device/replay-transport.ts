import { DeviceError } from "./device-error.js";
import type { TranscriptEntry } from "./transcript.js";
import type { Channel, ChannelEnd, ChannelListener, Transport } from "./transport.js";

/** A device that plays the recorded bytes again and insists on being sent what it was sent then. */
export function createReplayTransport(entries: readonly TranscriptEntry[]): Transport {
  let at = 0;
  let closed = false;

  const openChannel = (): Channel => {
    let listener: ChannelListener | undefined;
    let paused = false;
    let ended = false;
    const end = (how: ChannelEnd): void => {
      if (ended) return;
      ended = true;
      listener?.end(how);
    };
    /** Everything up to the next thing that has to be sent. */
    const play = (): void => {
      if (!listener || ended) return;
      while (!paused && at < entries.length) {
        const entry = entries[at];
        if (!entry || entry.d === "out" || entry.d === "exec") return;
        at++;
        if (entry.d === "in" || entry.d === "err") {
          listener.data(Buffer.from(entry.b, "base64"), entry.d === "err" ? "err" : "out");
        } else if (entry.d === "exit") {
          return end(entry.status === undefined ? {} : { exitStatus: entry.status });
        }
      }
      if (at >= entries.length && !paused)
        setImmediate(() => end({ error: new DeviceError("DISCONNECTED", "the transcript ends here") }));
    };
    return {
      listen(next) {
        listener = next;
        setImmediate(play);
      },
      write(data) {
        const expected = entries[at];
        const recorded = expected?.d === "out" ? Buffer.from(expected.b, "base64").toString("utf8") : undefined;
        const same = expected?.d === "out" && (expected.secret === true || recorded === data);
        if (!same) {
          const then = recorded === undefined ? "nothing" : JSON.stringify(recorded);
          const message = `the engine sends ${JSON.stringify(data)} where the recording has ${then}`;
          setImmediate(() => end({ error: new DeviceError("DISCONNECTED", message) }));
          return;
        }
        at++;
        setImmediate(play);
      },
      sendEof: () => undefined,
      signal: () => undefined,
      pause: () => void (paused = true),
      resume() {
        paused = false;
        setImmediate(play);
      },
      close: () => end({ error: new DeviceError("DISCONNECTED", "the session was closed") }),
    };
  };

  return {
    hostKey: { type: "none", fingerprint: "", line: "" },
    hostKeyIsNew: false,
    remoteVersion: "replay",
    connectMs: 0,
    authMs: 0,
    get closed() {
      return closed;
    },
    openShell: () => Promise.resolve(openChannel()),
    exec(command) {
      while (at < entries.length && entries[at]?.d !== "exec") at++;
      const entry = entries[at++];
      if (entry?.d !== "exec" || entry.command !== command) {
        return Promise.reject(new DeviceError("DISCONNECTED", `the recording has no command ${command} here`));
      }
      return Promise.resolve(openChannel());
    },
    onClose: () => undefined,
    close() {
      closed = true;
      return Promise.resolve();
    },
  };
}
