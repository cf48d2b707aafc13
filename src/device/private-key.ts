import { createHash } from "node:crypto";
import type { ParsedKey } from "ssh2";
import { DeviceError } from "./device-error.js";
import type { Account } from "./endpoint.js";
import { loadSsh2 } from "./key-exchange.js";

/** Opening an encrypted key costs about 100 ms on the event loop; a fleet shares few keys, so they are kept opened. */
const mostKeys = 256;
const parsed = new Map<string, ParsedKey>();

/** The account's private key, opened, or undefined when it has none. Throws AUTHENTICATION_FAILED when it cannot be opened. */
export function privateKeyOf(account: Account): ParsedKey | undefined {
  if (account.privateKey === undefined) return undefined;
  const id = createHash("sha256")
    .update(account.privateKey)
    .update("\0")
    .update(account.passphrase ?? "")
    .digest("base64");
  const cached = parsed.get(id);
  if (cached) return cached;
  const result = loadSsh2().parseKey(account.privateKey, account.passphrase);
  const key: ParsedKey | Error | undefined = Array.isArray(result) ? (result as ParsedKey[])[0] : result;
  if (!key || key instanceof Error || !key.isPrivateKey()) {
    throw new DeviceError("AUTHENTICATION_FAILED", "the private key of the credential cannot be opened");
  }
  const oldest = parsed.size >= mostKeys ? parsed.keys().next().value : undefined;
  if (oldest !== undefined) parsed.delete(oldest);
  parsed.set(id, key);
  return key;
}
