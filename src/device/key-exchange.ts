import crypto from "node:crypto";
import { createRequire } from "node:module";
import type * as Ssh2 from "ssh2";

/*
 * ssh2 does the group exchange (RFC 4419) with crypto.createDiffieHellman(prime, generator), which runs a primality test
 * on the server's prime on the event loop: 2.5 s for 3,072 bits, 33 s for 8,192. One old device would stall every other
 * session of the process. The same exchange through crypto.generateKeyPairSync skips that test and takes 25 ms.
 *
 * What the test would add is small: the server that sends the prime has to prove its host key over the exchange, and a
 * server that wants to leak the session can do so anyway. OpenSSH's client checks sizes and ranges only, and so do we.
 *
 * ssh2 takes createDiffieHellman out of `crypto` when its module is evaluated. So we evaluate a copy of our own while
 * the replacement is in place, whoever loaded ssh2 before, and put `crypto` back: nobody else sees a changed function.
 */

const minimumPrimeBits = 2048;
const dhKeyAgreementOid = Buffer.from("06092a864886f70d010301", "hex");

/** The types of Node leave this key type out. */
const generateDhKeyPair = crypto.generateKeyPairSync as unknown as (
  type: "dh",
  options: { prime: Buffer; generator: number },
) => crypto.KeyPairKeyObjectResult;

let exchanges = 0;

/** How many group exchanges this process did with the replacement: 0 after one means that ssh2 stopped calling it. */
export function groupExchangeCount(): number {
  return exchanges;
}

/** The `DiffieHellman` of Node as far as ssh2 uses it, without the primality test. Exported for its own test. */
export interface GroupExchange {
  generateKeys(): Buffer;
  getPublicKey(): Buffer;
  getPrime(): Buffer;
  getGenerator(): Buffer;
  computeSecret(other: Buffer): Buffer;
}

/**
 * A Diffie-Hellman exchange over a group that the peer chose. Throws a RangeError for a prime below 2,048 bits or an
 * even one, for a generator outside 2 … p-2, and for a public value outside 2 … p-2.
 */
export function createGroupExchange(prime: Buffer, generator: Buffer): GroupExchange {
  const p = toBigInt(prime);
  const g = toBigInt(generator);
  if (p.toString(2).length < minimumPrimeBits)
    throw new RangeError("the device offered a key exchange group below 2048 bits");
  if (p % 2n === 0n || g < 2n || g > p - 2n) throw new RangeError("the device offered an invalid key exchange group");
  let privateKey: crypto.KeyObject | undefined;
  let publicValue: Buffer | undefined;
  return {
    generateKeys() {
      exchanges++;
      const pair = generateDhKeyPair("dh", { prime, generator: Number(g) });
      privateKey = pair.privateKey;
      publicValue = publicValueOf(pair.publicKey.export({ type: "spki", format: "der" }));
      return publicValue;
    },
    getPublicKey: () => required(publicValue),
    getPrime: () => prime,
    getGenerator: () => generator,
    computeSecret(other) {
      const y = toBigInt(other);
      if (y < 2n || y > p - 2n) throw new RangeError("the device sent a key exchange value out of range");
      const publicKey = crypto.createPublicKey({
        key: encodePublicKey(prime, generator, other),
        format: "der",
        type: "spki",
      });
      return crypto.diffieHellman({ privateKey: required(privateKey), publicKey });
    },
  };
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the key exchange has no keys yet");
  return value;
}

function toBigInt(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString("hex") || "0"}`);
}

/** The integer inside the BIT STRING that ends a SubjectPublicKeyInfo. */
function publicValueOf(der: Buffer): Buffer {
  let offset = 0;
  const header = (): number => {
    offset++;
    let length = der.readUInt8(offset++);
    if (length & 0x80) {
      const count = length & 0x7f;
      length = der.readUIntBE(offset, count);
      offset += count;
    }
    return length;
  };
  header(); // SEQUENCE
  const algorithm = header();
  offset += algorithm;
  header(); // BIT STRING
  offset++; // its count of unused bits
  const length = header(); // INTEGER
  const value = der.subarray(offset, offset + length);
  return Buffer.from(value[0] === 0 ? value.subarray(1) : value);
}

function encodePublicKey(prime: Buffer, generator: Buffer, value: Buffer): Buffer {
  const parameters = tlv(0x30, Buffer.concat([integer(prime), integer(generator)]));
  const algorithm = tlv(0x30, Buffer.concat([dhKeyAgreementOid, parameters]));
  return tlv(0x30, Buffer.concat([algorithm, tlv(0x03, Buffer.concat([Buffer.from([0]), integer(value)]))]));
}

function tlv(tag: number, body: Buffer): Buffer {
  if (body.length < 128) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const length: number[] = [];
  for (let rest = body.length; rest > 0; rest >>= 8) length.unshift(rest & 0xff);
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length, ...length]), body]);
}

function integer(bytes: Buffer): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const value = bytes.subarray(start);
  return tlv(0x02, (value[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.from([0]), value]) : value);
}

/** What we use of ssh2, from a copy whose group exchange does not block. */
export interface Ssh2Library {
  readonly Client: typeof Ssh2.Client;
  readonly parseKey: typeof Ssh2.utils.parseKey;
  /** What this build of ssh2 can do, by category. */
  readonly supported: {
    readonly kex: readonly string[];
    readonly serverHostKey: readonly string[];
    readonly cipher: readonly string[];
    readonly hmac: readonly string[];
  };
}

let loaded: Ssh2Library | undefined;

/** Loads our copy of ssh2 once. */
export function loadSsh2(): Ssh2Library {
  loaded ??= loadOwnCopy();
  return loaded;
}

function loadOwnCopy(): Ssh2Library {
  const require = createRequire(import.meta.url);
  const belongsToSsh2 = (path: string): boolean => /[\\/]node_modules[\\/]ssh2[\\/].*\.js$/.test(path);
  const others = new Map<string, NodeJS.Module>();
  for (const path of Object.keys(require.cache).filter(belongsToSsh2)) {
    const module = require.cache[path];
    if (module) others.set(path, module);
    delete require.cache[path];
  }
  const original = crypto.createDiffieHellman;
  const replacement = (prime: unknown, generator: unknown, ...rest: unknown[]): unknown =>
    Buffer.isBuffer(prime) && Buffer.isBuffer(generator)
      ? createGroupExchange(prime, generator)
      : Reflect.apply(original, crypto, [prime, generator, ...rest]);
  crypto.createDiffieHellman = replacement as typeof original;
  try {
    const ssh2 = require("ssh2") as typeof Ssh2;
    const constants = require("ssh2/lib/protocol/constants.js") as Record<string, readonly string[]>;
    return {
      Client: ssh2.Client,
      parseKey: ssh2.utils.parseKey,
      supported: {
        kex: constants["SUPPORTED_KEX"] ?? [],
        serverHostKey: constants["SUPPORTED_SERVER_HOST_KEY"] ?? [],
        cipher: constants["SUPPORTED_CIPHER"] ?? [],
        hmac: constants["SUPPORTED_MAC"] ?? [],
      },
    };
  } finally {
    crypto.createDiffieHellman = original;
    if (others.size > 0) {
      for (const path of Object.keys(require.cache).filter(belongsToSsh2)) delete require.cache[path];
      for (const [path, module] of others) require.cache[path] = module;
    }
  }
}
