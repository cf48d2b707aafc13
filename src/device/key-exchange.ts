import crypto from "node:crypto";
import { createRequire } from "node:module";
import type * as Ssh2 from "ssh2";
import { createGroupExchange } from "./group-exchange.js";
import { createPacketPadding } from "./packet-padding.js";

/*
 * ssh2 does the group exchange (RFC 4419) with crypto.createDiffieHellman(prime, generator), which runs a primality
 * test on the server's prime on the event loop: 2.5 s for 3,072 bits, 33 s for 8,192. One old device would stall every
 * other session of the process. The same exchange through crypto.generateKeyPair skips that test and takes 25 ms;
 * group-exchange-gate.ts takes those off the event loop too.
 *
 * What the test would add is small: the server that sends the prime has to prove its host key over the exchange, and a
 * server that wants to leak the session can do so anyway. OpenSSH's client checks sizes and ranges only, and so do we.
 *
 * ssh2 takes createDiffieHellman out of `crypto` when its module is evaluated, and so randomFillSync, which it asks for the
 * padding of each packet. So we evaluate a copy of our own while the replacements are in place, whoever loaded ssh2 before,
 * and put `crypto` back: nobody else sees a changed function.
 */

/** What we use of ssh2, from a copy whose group exchange does not block. */
export interface Ssh2Library {
  readonly Client: typeof Ssh2.Client;
  readonly parseKey: typeof Ssh2.utils.parseKey;
  /** Whether its own cipher code is compiled for this machine; else it uses Node's. */
  readonly compiled: boolean;
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
  const { createDiffieHellman: original, randomFillSync } = crypto;
  const replacement = (prime: unknown, generator: unknown, ...rest: unknown[]): unknown =>
    Buffer.isBuffer(prime) && Buffer.isBuffer(generator)
      ? createGroupExchange(prime, generator)
      : Reflect.apply(original, crypto, [prime, generator, ...rest]);
  crypto.createDiffieHellman = replacement as typeof original;
  crypto.randomFillSync = createPacketPadding();
  try {
    const ssh2 = require("ssh2") as typeof Ssh2;
    const ciphers = require("ssh2/lib/protocol/crypto.js") as { readonly bindingAvailable?: boolean };
    const constants = require("ssh2/lib/protocol/constants.js") as Record<string, readonly string[]>;
    return {
      Client: ssh2.Client,
      parseKey: ssh2.utils.parseKey,
      compiled: ciphers.bindingAvailable === true,
      supported: {
        kex: constants["SUPPORTED_KEX"] ?? [],
        serverHostKey: constants["SUPPORTED_SERVER_HOST_KEY"] ?? [],
        cipher: constants["SUPPORTED_CIPHER"] ?? [],
        hmac: constants["SUPPORTED_MAC"] ?? [],
      },
    };
  } finally {
    crypto.createDiffieHellman = original;
    crypto.randomFillSync = randomFillSync;
    if (others.size > 0) {
      for (const path of Object.keys(require.cache).filter(belongsToSsh2)) delete require.cache[path];
      for (const [path, module] of others) require.cache[path] = module;
    }
  }
}
