import { createHmac } from "node:crypto";
import { UsageError } from "../terminal/parse.js";

/**
 * The keys that a known_hosts file holds for an address, as "ssh-ed25519 AAAA…": plain, wildcard, negated and hashed
 * names, "[host]:port" for any port but 22. A revoked key is not among them, and certificate authorities are passed over.
 */
export function knownHostKeys(text: string, address: string, port: number): string[] {
  const name = port === 22 ? address : `[${address}]:${port}`;
  const found = new Set<string>();
  const revoked = new Set<string>();
  for (const line of text.split(/\r?\n/)) {
    const fields = line.trim().split(/\s+/);
    const marker = fields[0]?.startsWith("@") ? fields.shift() : undefined;
    const [names, type, key] = fields;
    if (!names || names.startsWith("#") || !type || !key || !matches(names, name)) continue;
    if (marker === "@revoked") revoked.add(`${type} ${key}`);
    else if (marker === undefined) found.add(`${type} ${key}`);
  }
  return [...found].filter((key) => !revoked.has(key));
}

/** The same, refusing to go on without one: leaving the key out would mean to accept any that is stored elsewhere. */
export function requireKnownHostKeys(text: string, file: string, address: string, port: number): string[] {
  const keys = knownHostKeys(text, address, port);
  if (keys.length === 0)
    throw new UsageError(`${file} holds no key for ${address}${port === 22 ? "" : ` port ${port}`}`);
  return keys;
}

function matches(names: string, name: string): boolean {
  const hashed = /^\|1\|([A-Za-z0-9+/=]+)\|([A-Za-z0-9+/=]+)$/.exec(names);
  if (hashed) {
    const salt = Buffer.from(hashed[1] ?? "", "base64");
    return createHmac("sha1", salt).update(name).digest("base64") === hashed[2];
  }
  const patterns = names.split(",");
  const meets = (pattern: string): boolean => wildcard(pattern).test(name);
  if (patterns.some((pattern) => pattern.startsWith("!") && meets(pattern.slice(1)))) return false;
  return patterns.some((pattern) => !pattern.startsWith("!") && meets(pattern));
}

function wildcard(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, "i");
}
