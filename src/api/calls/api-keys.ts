import { createHash, timingSafeEqual } from "node:crypto";
import type { Random } from "../../domain/clock.js";
import type { ApiKeyRecord, ApiKeyStore, Role } from "../../store/store.js";

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
const idLength = 12;
/** 52 characters of 5 bits: 260 bits. */
const secretLength = 52;
const form = new RegExp(`^pm_([${alphabet}]{${idLength}})_([${alphabet}]{${secretLength}})$`);
const nameForm = /^[A-Za-z0-9]([A-Za-z0-9._@-]{0,62}[A-Za-z0-9])?$/;

/** Who calls where no keys are configured. No key may have this name. */
export const localPrincipal = "local";

function letters(length: number, random: Random): string {
  return Array.from(random.bytes(length), (byte) => alphabet.charAt(byte % alphabet.length)).join("");
}

function hashOf(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

/**
 * Makes a key. Only the hash of its secret part is stored, so `key` can be shown now and never again. Two keys may share
 * a name, so that one can take over from the other. Throws one line when the name will not do.
 */
export async function createApiKey(
  parts: { readonly apiKeys: ApiKeyStore; readonly random: Random },
  wish: { readonly name: string; readonly role: Role },
): Promise<{ readonly record: ApiKeyRecord; readonly key: string }> {
  if (!nameForm.test(wish.name) || wish.name === localPrincipal) {
    throw new Error(
      `The name of a key is 1 to 64 letters, digits, dots, dashes, underscores or at-signs, and not "${localPrincipal}"`,
    );
  }
  const id = letters(idLength, parts.random);
  const secret = letters(secretLength, parts.random);
  const record = await parts.apiKeys.create({ id, name: wish.name, role: wish.role, hash: hashOf(secret) });
  return { record, key: `pm_${id}_${secret}` };
}

/** The two parts of a key; undefined for text that is none. */
export function parseApiKey(text: string): { readonly id: string; readonly secret: string } | undefined {
  const found = form.exec(text);
  return found ? { id: found[1]!, secret: found[2]! } : undefined;
}

/** Whether a secret is the one whose hash is stored, in a time that does not depend on how much of it is right. */
export function matchesHash(secret: string, hash: string): boolean {
  const expected = Buffer.from(hash, "hex");
  const given = createHash("sha256").update(secret).digest();
  return expected.length === given.length && timingSafeEqual(expected, given);
}
