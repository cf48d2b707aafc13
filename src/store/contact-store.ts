import type { CryptoProfile } from "../domain/crypto-profile.js";

/** Who would connect, and as whom. */
export interface Contact {
  readonly zone: string;
  readonly endpoint: string;
  /** Names the login and its version, as in {@link credentialKey}. Unset: a login that no breaker counts. */
  readonly credential?: string;
  /** The bastions on the way, by their endpoints; of the end of a contact, those that were reached. Default: none. */
  readonly bastions?: readonly string[];
  /** The logins of the bastions on the way, named alike. Default: none that a breaker counts. */
  readonly bastionCredentials?: readonly string[];
}

/** A breaker that keeps attempts from connecting. */
export interface OpenBreaker {
  /** "device/<endpoint>", "bastion/<endpoint>" or "credential/<credential>". */
  readonly name: string;
  /** Until somebody may try, in milliseconds. */
  readonly waitMs: number;
  /** The last of the failures that opened it. */
  readonly reason: string;
  readonly message: string;
  /** The login that it keeps out. Unset: it keeps everybody out. */
  readonly credential?: string;
}

/** A breaker as callers see it. Times are milliseconds since the epoch. */
export interface BreakerRecord {
  readonly name: string;
  readonly failures: number;
  readonly openMs: number;
  readonly tryMs: number;
  readonly reason: string;
  readonly message: string;
}

/** How a connection went. */
export type ContactOutcome =
  | { readonly kind: "reached"; readonly cryptoProfile?: CryptoProfile }
  | { readonly kind: "refused"; readonly reason: string; readonly message: string }
  /** `bastion`: the endpoint of the one that was not reached. Unset: the device. */
  | { readonly kind: "unreachable"; readonly reason: string; readonly message: string; readonly bastion?: string };

/**
 * What all workers of a zone know of getting to devices: breakers, which count failures in a row of a device or a bastion
 * to be reached and of a credential to be let in, and the crypto profile that a device took.
 */
export interface ContactStore {
  /** Asks before connecting. `pressing` tries whatever is open. Open breakers that may be tried let one try them. */
  begin(
    contact: Contact,
    pressing: boolean,
  ): Promise<{
    readonly open?: OpenBreaker;
    readonly cryptoProfile?: CryptoProfile;
    /** Failures are counted, so a success is worth telling. */
    readonly counted: boolean;
  }>;
  end(contact: Contact, outcome: ContactOutcome): Promise<void>;
  /** The open breakers among a device's, some bastions' and some credentials', and the crypto profile that it took last. */
  look(
    zone: string,
    endpoint: string,
    credentials: readonly string[],
    bastions?: readonly string[],
  ): Promise<{ readonly breakers: readonly BreakerRecord[]; readonly cryptoProfile?: CryptoProfile }>;
  /** Closes a device's breaker and those of some bastions and credentials; answers with how many there were. */
  reset(zone: string, endpoint: string, credentials: readonly string[], bastions?: readonly string[]): Promise<number>;
}
