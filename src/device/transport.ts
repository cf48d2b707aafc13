import type { Clock } from "../domain/clock.js";
import type { CryptoProfile } from "../domain/crypto-profile.js";
import type { NewBastionKey } from "./bastions.js";
import type { DeviceError } from "./device-error.js";
import type { Endpoint } from "./endpoint.js";
import type { HostKey } from "./host-key.js";

/** How a channel ended. Without an exit status the device closed it, or the connection is gone. */
export interface ChannelEnd {
  readonly exitStatus?: number;
  /** e.g. `SIGINT`, when the remote command died of it. */
  readonly signal?: string;
  /** Set when the connection died under the channel. */
  readonly error?: DeviceError;
}

/** Who listens to a channel. Data comes in order and, once per channel, its end comes last. */
export interface ChannelListener {
  data(bytes: Buffer, stream: "out" | "err"): void;
  end(end: ChannelEnd): void;
}

/** One shell or one command on a connection. */
export interface Channel {
  /** Starts the flow of data. Exactly one listener, once. */
  listen(listener: ChannelListener): void;
  write(data: string): void;
  /** No more input will come. */
  sendEof(): void;
  /** Asks the device to signal the remote command; many devices ignore it. */
  signal(name: "INT" | "TERM"): void;
  /** Stops reading; the device is held back once its window is used up. */
  pause(): void;
  resume(): void;
  close(): void;
}

/** One authenticated connection to a device. */
export interface Transport {
  readonly hostKey: HostKey;
  /** True when the host key was seen for the first time and accepted (`accept-new`). */
  readonly hostKeyIsNew: boolean;
  readonly remoteVersion: string;
  /** The least profile that offers what was agreed upon. Unset: it is no SSH. */
  readonly cryptoProfile?: CryptoProfile;
  /** Keys of bastions on the way that were seen for the first time and accepted. */
  readonly newBastionKeys?: readonly NewBastionKey[];
  readonly connectMs: number;
  readonly authMs: number;
  readonly closed: boolean;
  /** A terminal of the given size. Rejects with SESSION_LIMIT when the device opens no channel. */
  openShell(columns: number, rows: number): Promise<Channel>;
  /** One command without a terminal. Rejects with SESSION_LIMIT or UNSUPPORTED_BY_PLATFORM. */
  exec(command: string): Promise<Channel>;
  /** Called once when the connection is gone, whoever ended it; at once if it already is. */
  onClose(listener: (error: DeviceError) => void): void;
  /** Says goodbye, and cuts the connection after 2 s if the device does not. Resolves when it is gone. */
  close(): Promise<void>;
}

/** How to reach devices. The real one is that of `createSshConnector`; tests and replay hand in their own. */
export type TransportFactory = (
  endpoint: Endpoint,
  context: { readonly clock: Clock; readonly signal?: AbortSignal },
) => Promise<Transport>;
