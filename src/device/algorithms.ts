import type { CryptoProfile } from "../domain/crypto-profile.js";
import { loadSsh2 } from "./key-exchange.js";

/** The lists of one offer, best first; what the installed ssh2 cannot do is left out. */
export interface AlgorithmOffer {
  readonly kex: readonly string[];
  readonly serverHostKey: readonly string[];
  readonly cipher: readonly string[];
  readonly hmac: readonly string[];
  readonly compress: readonly string[];
}

/**
 * How far back the offered algorithms reach.
 *
 * - `modern`: nothing with SHA-1 in the key exchange or the host key, no CBC.
 * - `compat`: adds what devices of the last ten years need: group14-sha1, ssh-rsa, AES-CBC, HMAC-SHA-1. They
 *   stand last, so a device that can do better does better; strict key exchange refuses a downgrade in transit.
 * - `legacy`: adds group1, SHA-1 group exchange, DSA, 3DES and HMAC-MD5.
 *
 * Where none is chosen, `compat` is offered, and `legacy` to a device that has nothing of it.
 */
const reach: Readonly<Record<CryptoProfile, number>> = { modern: 0, compat: 1, legacy: 2 };

/** Each list ordered by our cost on the event loop, cheapest first: 0.2 ms for P-256, 40 ms for group1. */
const kex: readonly (readonly [string, CryptoProfile])[] = [
  ["ecdh-sha2-nistp256", "modern"],
  ["curve25519-sha256", "modern"],
  ["curve25519-sha256@libssh.org", "modern"],
  ["diffie-hellman-group14-sha256", "modern"],
  ["diffie-hellman-group15-sha512", "modern"],
  ["diffie-hellman-group16-sha512", "modern"],
  ["ecdh-sha2-nistp384", "modern"],
  ["diffie-hellman-group17-sha512", "modern"],
  ["ecdh-sha2-nistp521", "compat"],
  ["diffie-hellman-group18-sha512", "modern"],
  ["diffie-hellman-group-exchange-sha256", "modern"],
  ["diffie-hellman-group14-sha1", "compat"],
  ["diffie-hellman-group-exchange-sha1", "legacy"],
  ["diffie-hellman-group1-sha1", "legacy"],
];

const serverHostKey: readonly (readonly [string, CryptoProfile])[] = [
  ["ssh-ed25519", "modern"],
  ["ecdsa-sha2-nistp256", "modern"],
  ["rsa-sha2-512", "modern"],
  ["rsa-sha2-256", "modern"],
  ["ecdsa-sha2-nistp384", "modern"],
  ["ecdsa-sha2-nistp521", "modern"],
  ["ssh-rsa", "compat"],
  ["ssh-dss", "legacy"],
];

/** AES-128 first: it is fast, and the group size that ssh2 asks for in a group exchange follows the cipher's key length. */
const cipher: readonly (readonly [string, CryptoProfile])[] = [
  ["aes128-gcm@openssh.com", "modern"],
  ["aes128-ctr", "modern"],
  ["aes256-gcm@openssh.com", "modern"],
  ["chacha20-poly1305@openssh.com", "modern"],
  ["aes192-ctr", "modern"],
  ["aes256-ctr", "modern"],
  ["aes128-cbc", "compat"],
  ["aes192-cbc", "compat"],
  ["aes256-cbc", "compat"],
  ["3des-cbc", "legacy"],
];

const hmac: readonly (readonly [string, CryptoProfile])[] = [
  ["hmac-sha2-256-etm@openssh.com", "modern"],
  ["hmac-sha2-512-etm@openssh.com", "modern"],
  ["hmac-sha2-256", "modern"],
  ["hmac-sha2-512", "modern"],
  ["hmac-sha1-etm@openssh.com", "compat"],
  ["hmac-sha1", "compat"],
  ["hmac-sha1-96", "legacy"],
  ["hmac-md5", "legacy"],
];

/** By what they were made for. There are a handful of them, and a session keeps its own for as long as it lives. */
const offers = new Map<string, AlgorithmOffer>();

/**
 * What to offer to a device. Host key algorithms of `knownKeyTypes` (e.g. `ssh-ed25519`) come first, so that a device
 * with several keys shows one that we can compare. The same object for the same question.
 */
export function algorithmOffer(profile: CryptoProfile, knownKeyTypes: readonly string[] = []): AlgorithmOffer {
  const known = [...new Set(knownKeyTypes)].filter((type) => serverHostKey.some(([name]) => name === type)).sort();
  const question = [profile, ...known].join(" ");
  let offer = offers.get(question);
  if (!offer) {
    offer = makeOffer(profile, known);
    offers.set(question, offer);
  }
  return offer;
}

function makeOffer(profile: CryptoProfile, knownKeyTypes: readonly string[]): AlgorithmOffer {
  const { supported } = loadSsh2();
  const pick = (list: readonly (readonly [string, CryptoProfile])[], can: readonly string[]): string[] =>
    list.filter(([name, least]) => reach[least] <= reach[profile] && can.includes(name)).map(([name]) => name);
  const isKnown = (algorithm: string): boolean =>
    knownKeyTypes.includes(algorithm.startsWith("rsa-sha2-") ? "ssh-rsa" : algorithm);
  const keys = pick(serverHostKey, supported.serverHostKey);
  return {
    kex: pick(kex, supported.kex),
    serverHostKey: [...keys.filter(isKnown), ...keys.filter((name) => !isKnown(name))],
    cipher: pick(cipher, supported.cipher),
    hmac: pick(hmac, supported.hmac),
    compress: ["none"],
  };
}

/** What one direction of a connection is protected with, as ssh2 tells it. */
interface Protection {
  readonly cipher: string;
  /** Empty where the cipher authenticates by itself. */
  readonly mac: string;
}

/** What both sides agreed upon, as ssh2 tells it. */
export interface Negotiated {
  readonly kex: string;
  readonly serverHostKey: string;
  readonly cs: Protection;
  readonly sc: Protection;
}

/** The least profile that offers all that was agreed upon. */
export function profileOf({ kex: exchange, serverHostKey: key, cs, sc }: Negotiated): CryptoProfile {
  const least = (list: readonly (readonly [string, CryptoProfile])[], name: string): CryptoProfile =>
    list.find(([one]) => one === name)?.[1] ?? "modern";
  const parts = [
    least(kex, exchange),
    least(serverHostKey, key),
    ...[cs, sc].flatMap((way) => [least(cipher, way.cipher), least(hmac, way.mac)]),
  ];
  return parts.reduce((most, one) => (reach[one] > reach[most] ? one : most));
}
