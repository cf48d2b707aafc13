import type { CryptoProfile } from "./algorithms.js";
import type { Platform } from "./platform.js";

/** Who logs in. At least one of `password` and `privateKey` is set; nothing here ever reaches a log, an error or a transcript. */
export interface Account {
  readonly username: string;
  readonly password?: string;
  /** An OpenSSH or PEM private key. Parsed once and kept parsed. */
  readonly privateKey?: string;
  /** Opens `privateKey` when it is encrypted. */
  readonly passphrase?: string;
  /** Answers the question for a secret on the way to a privileged mode. */
  readonly enableSecret?: string;
}

/** Which host keys a device may show. Keys are handed in before the connection, since the check has to be synchronous. */
export interface HostKeyPolicy {
  /** `strict` refuses a device without a known key; `accept-new` takes the first key that is seen and reports it. */
  readonly mode: "strict" | "accept-new";
  /** Public keys as in an authorized_keys file: `ssh-ed25519 AAAA…`, a comment may follow. Any of them will do. */
  readonly known: readonly string[];
}

/** One way to reach one device: where, how, and as whom. */
export interface Endpoint {
  /** Host name or address. */
  readonly address: string;
  readonly port: number;
  readonly platform: Platform;
  readonly account: Account;
  /** Changes whenever the account's secret changes, so that two credentials never share a session. */
  readonly accountKey: string;
  readonly hostKeys: HostKeyPolicy;
  /** From the first packet to the end of the key exchange, in milliseconds. Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** From the end of the key exchange to the first prompt, in milliseconds. Default 30,000, for slow AAA servers. */
  readonly loginTimeoutMs?: number;
  /** Which algorithms are offered. Default `compat`. */
  readonly cryptoProfile?: CryptoProfile;
}
