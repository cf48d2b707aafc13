import crypto from "node:crypto";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";

const primeBits = { least: 2048, most: 8192 };
const dhKeyAgreementOid = Buffer.from("06092a864886f70d010301", "hex");

/** The types of Node leave this key type out. */
const generateDhKeyPair = crypto.generateKeyPairSync as unknown as (
  type: "dh",
  options: { prime: Buffer; generator: number },
) => crypto.KeyPairKeyObjectResult;

/** The same on another thread. */
const generateDhKeyPairAside = promisify(crypto.generateKeyPair) as unknown as (
  type: "dh",
  options: { prime: Buffer; generator: number },
) => Promise<crypto.KeyPairKeyObjectResult>;

let exchanges = 0;
let secretsAside = 0;
/** What was worked out for the packet that ssh2 is given at this moment. */
let handed: PreparedKeys | undefined;

/** Our keys for a group that a server chose, and the secret once its public value is known. */
export interface PreparedKeys {
  readonly group: { readonly prime: Buffer; readonly generator: Buffer };
  readonly privateKey: crypto.KeyObject;
  readonly publicValue: Buffer;
  readonly secret?: { readonly of: Buffer; readonly value: Buffer };
}

/** Makes keys for the group in a whole SSH_MSG_KEX_DH_GEX_GROUP packet, on another thread. Throws as createGroupExchange. */
export async function prepareKeys(packet: Buffer): Promise<PreparedKeys> {
  const [prime, at] = stringAt(packet, 6);
  const [generator] = stringAt(packet, at);
  const { g } = checkedGroup(prime, generator);
  const pair = await generateDhKeyPairAside("dh", { prime, generator: Number(g) });
  const publicValue = publicValueOf(pair.publicKey.export({ type: "spki", format: "der" }));
  return { group: { prime, generator }, privateKey: pair.privateKey, publicValue };
}

/** Works out the secret for the public value in a whole SSH_MSG_KEX_DH_GEX_REPLY packet, on another thread. */
export async function prepareSecret(
  { group, privateKey }: PreparedKeys,
  packet: Buffer,
): Promise<NonNullable<PreparedKeys["secret"]>> {
  const [, at] = stringAt(packet, 6);
  const [of] = stringAt(packet, at);
  checkValue(of, toBigInt(group.prime));
  return { of, value: await deriveAside(privateKey, encodePublicKey(group.prime, group.generator, of)) };
}

/** Runs `deliver`; exchanges that it does with these very keys take what was worked out for them. */
export function handOver(keys: PreparedKeys | undefined, deliver: () => void): void {
  handed = keys;
  try {
    deliver();
  } finally {
    handed = undefined;
  }
}

interface Thread {
  derive(privateKey: crypto.KeyObject, publicKey: Buffer): Promise<Buffer>;
}
let thread: Thread | undefined;

function deriveAside(privateKey: crypto.KeyObject, publicKey: Buffer): Promise<Buffer> {
  thread ??= startThread();
  return thread.derive(privateKey, publicKey);
}

/** One for the process; it does not keep the process alive, and whoever waits for it when it ends goes without. */
function startThread(): Thread {
  const worker = new Worker(new URL("./group-exchange-worker.mjs", import.meta.url));
  const waiting = new Map<number, { resolve(secret: Buffer): void; reject(error: Error): void }>();
  let last = 0;
  const end = (error: Error): void => {
    thread = undefined;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  worker.unref();
  worker.on("message", ({ id, secret, failure }: { id: number; secret?: Uint8Array; failure?: string }) => {
    const one = waiting.get(id);
    waiting.delete(id);
    if (secret) one?.resolve(Buffer.from(secret));
    else one?.reject(new Error(failure));
  });
  worker.on("error", end);
  worker.on("exit", () => end(new Error("the thread for key exchanges ended")));
  return {
    derive: (privateKey, publicKey) =>
      new Promise((resolve, reject) => {
        const id = ++last;
        waiting.set(id, { resolve, reject });
        worker.postMessage({ id, privateKey, publicKey });
      }),
  };
}

/** How many group exchanges this process did with the replacement: 0 after one means that ssh2 stopped calling it. */
export function groupExchangeCount(): number {
  return exchanges;
}

/** How many of them took their secret from another thread. */
export function secretsDerivedAside(): number {
  return secretsAside;
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
 * A Diffie-Hellman exchange over a group that the peer chose. Throws a RangeError for a prime below 2,048 or
 * above 8,192 bits or an even one, for a generator outside 2 … p-2, and for a public value outside 2 … p-2.
 */
export function createGroupExchange(prime: Buffer, generator: Buffer): GroupExchange {
  const { p, g } = checkedGroup(prime, generator);
  let privateKey: crypto.KeyObject | undefined;
  let publicValue: Buffer | undefined;
  return {
    generateKeys() {
      exchanges++;
      if (handed && same(handed.group.prime, prime) && same(handed.group.generator, generator)) {
        ({ privateKey, publicValue } = handed);
        return publicValue;
      }
      const pair = generateDhKeyPair("dh", { prime, generator: Number(g) });
      privateKey = pair.privateKey;
      publicValue = publicValueOf(pair.publicKey.export({ type: "spki", format: "der" }));
      return publicValue;
    },
    getPublicKey: () => required(publicValue),
    getPrime: () => prime,
    getGenerator: () => generator,
    computeSecret(other) {
      checkValue(other, p);
      if (handed?.secret && handed.privateKey === privateKey && same(handed.secret.of, other)) {
        secretsAside++;
        return handed.secret.value;
      }
      const publicKey = crypto.createPublicKey({
        key: encodePublicKey(prime, generator, other),
        format: "der",
        type: "spki",
      });
      return crypto.diffieHellman({ privateKey: required(privateKey), publicKey });
    },
  };
}

function checkedGroup(prime: Buffer, generator: Buffer): { readonly p: bigint; readonly g: bigint } {
  const p = toBigInt(prime);
  const g = toBigInt(generator);
  const bits = p.toString(2).length;
  if (bits < primeBits.least) throw new RangeError("the device offered a key exchange group below 2048 bits");
  if (bits > primeBits.most) throw new RangeError("the device offered a key exchange group above 8192 bits");
  if (p % 2n === 0n || g < 2n || g > p - 2n) throw new RangeError("the device offered an invalid key exchange group");
  return { p, g };
}

function checkValue(value: Buffer, p: bigint): void {
  const y = toBigInt(value);
  if (y < 2n || y > p - 2n) throw new RangeError("the device sent a key exchange value out of range");
}

function same(one: Buffer, other: Buffer): boolean {
  return toBigInt(one) === toBigInt(other);
}

/** A string or a number of SSH (RFC 4251, 5) and where it ends. */
function stringAt(packet: Buffer, at: number): [Buffer, number] {
  const end = at + 4 + packet.readUInt32BE(at);
  if (end > packet.length) throw new RangeError("the device sent a packet that is cut off");
  return [packet.subarray(at + 4, end), end];
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
