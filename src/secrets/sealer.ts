import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync } from "node:crypto";
import type { Random } from "../domain/clock.js";

/** Keeps secrets at rest: AES-256-GCM, every text bound to the place it belongs to. */
export interface Sealer {
  /** Seals `plaintext` for the place named by `aad`, such as "credential/core". */
  seal(plaintext: Uint8Array, aad: string): Uint8Array;
  /** Opens what {@link seal} made for the same place. Throws {@link SealError} when key, place or bytes are others. */
  open(sealed: Uint8Array, aad: string): Uint8Array;
  /** A keyed hash, hexadecimal: equal for equal bytes, and of no use for guessing them without the sealing key. */
  fingerprint(bytes: Uint8Array): string;
}

/** Sealed bytes that cannot be opened. The message never holds any of them. */
export class SealError extends Error {
  override readonly name = "SealError";
}

const version = 1;
const keyIdBytes = 4;
const nonceBytes = 12;
const tagBytes = 16;
const headBytes = 1 + keyIdBytes + nonceBytes;

/**
 * A sealer for one key of 32 bytes. The sealed form is: version (1 byte), key id (4), nonce (12), ciphertext, tag (16);
 * version, key id and place are authenticated with the text.
 */
export function createSealer(options: { readonly key: Uint8Array; readonly random: Random }): Sealer {
  const { key, random } = options;
  if (key.length !== 32) throw new SealError(`the sealing key has ${key.length} bytes instead of 32`);
  const keyId = createHash("sha256").update("pointsman sealing key id").update(key).digest().subarray(0, keyIdBytes);
  const hashKey = new Uint8Array(hkdfSync("sha256", key, new Uint8Array(), "pointsman fingerprint", 32));
  const head = Buffer.concat([Uint8Array.of(version), keyId]);
  const place = (aad: string): Uint8Array => Buffer.concat([head, Buffer.from(aad, "utf8")]);
  return {
    seal(plaintext, aad) {
      const nonce = random.bytes(nonceBytes);
      const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(place(aad));
      return Buffer.concat([head, nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
    },
    open(sealed, aad) {
      if (sealed.length < headBytes + tagBytes) throw new SealError("the sealed secret is cut off");
      if (sealed[0] !== version) throw new SealError(`the sealed secret has the unknown version ${sealed[0]}`);
      if (!keyId.equals(sealed.subarray(1, 1 + keyIdBytes))) {
        throw new SealError("the secret was sealed with another key");
      }
      const nonce = sealed.subarray(1 + keyIdBytes, headBytes);
      const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: tagBytes })
        .setAAD(place(aad))
        .setAuthTag(sealed.subarray(-tagBytes));
      try {
        return Buffer.concat([decipher.update(sealed.subarray(headBytes, -tagBytes)), decipher.final()]);
      } catch {
        throw new SealError("the sealed secret was changed, or belongs to another place");
      }
    },
    fingerprint: (bytes) => createHmac("sha256", hashKey).update(bytes).digest("hex"),
  };
}
