import type { CryptoProfile } from "../domain/crypto-profile.js";
import type { HostKeyPolicy } from "./host-key.js";
import type { Platform } from "./platform.js";

/**
 * Who logs in. At least one of `password`, `privateKey` and `agent` is set; nothing here ever reaches a log, an error
 * or a transcript.
 */
export interface Account {
  readonly username: string;
  readonly password?: string;
  /** An OpenSSH or PEM private key. Parsed once and kept parsed. */
  readonly privateKey?: string;
  /** Opens `privateKey` when it is encrypted. */
  readonly passphrase?: string;
  /** Answers the question for a secret on the way to a privileged mode. */
  readonly enableSecret?: string;
  /** Socket of an SSH agent whose keys are offered, behind `privateKey`. */
  readonly agent?: string;
}

/** One SSH server on the way to a device, or the device's own: where, how, and as whom. */
export interface Hop {
  /** Host name or address, as seen from the hop before it. */
  readonly address: string;
  readonly port: number;
  readonly account: Account;
  /** Changes whenever the account's secret changes, so that two credentials never share a session. */
  readonly accountKey: string;
  readonly hostKeys: HostKeyPolicy;
  /** From the first packet to the end of the key exchange, in milliseconds. Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** From the end of the key exchange to the first prompt, in milliseconds. Default 30,000, for slow AAA servers. */
  readonly loginTimeoutMs?: number;
  /** Which algorithms are offered. Default: `compat` first, and `legacy` where nothing of that fits. */
  readonly cryptoProfile?: CryptoProfile;
  /** What it needed last time: the first to be offered where `cryptoProfile` does not say. */
  readonly lastCryptoProfile?: CryptoProfile;
}

/** A device and the way to it. */
export interface Endpoint extends Hop {
  readonly platform: Platform;
  /** Hosts that the connection goes through, the first being the one that is reached directly. Default: none. */
  readonly bastions?: readonly Hop[];
  /** In place of the platform's: sessions at a time, and connections begun in a minute. */
  readonly limits?: Partial<Platform["limits"]>;
  /** Where it stands: what stands there shares a rate of connections. Default: nowhere in particular. */
  readonly site?: string;
}

/** What the device can take. */
export function limitsOf({ platform, limits }: Endpoint): Platform["limits"] {
  return { ...platform.limits, ...limits };
}
