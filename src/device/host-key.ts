import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** A device's public key as it showed it. */
export interface HostKey {
  /** e.g. `ssh-ed25519`. */
  readonly type: string;
  /** `SHA256:` and the unpadded base64 digest, as OpenSSH prints it. */
  readonly fingerprint: string;
  /** `type base64`, the form that {@link HostKeyPolicy.known} takes. */
  readonly line: string;
}

/** Reads a key in its wire form (RFC 4253, 6.6). Throws a RangeError when it is not one. */
export function hostKeyFromBlob(blob: Buffer): HostKey {
  const length = blob.length >= 4 ? blob.readUInt32BE(0) : 0;
  if (length < 1 || length > 64 || blob.length < 4 + length) throw new RangeError("not a public key");
  const type = blob.toString("latin1", 4, 4 + length);
  if (!/^[\w@.-]+$/.test(type)) throw new RangeError("not a public key");
  const digest = createHash("sha256").update(blob).digest("base64").replace(/=+$/, "");
  return { type, fingerprint: `SHA256:${digest}`, line: `${type} ${blob.toString("base64")}` };
}

/** Reads `type base64 [comment]`. Throws a RangeError when the two do not belong together. */
export function parseHostKey(line: string): HostKey {
  const [type, base64] = line.trim().split(/\s+/);
  if (!type || !base64 || !/^[A-Za-z0-9+/]+=*$/.test(base64)) throw new RangeError("expected a key as 'type base64'");
  const key = hostKeyFromBlob(Buffer.from(base64, "base64"));
  if (key.type !== type) throw new RangeError(`the key says it is ${key.type}, the line says ${type}`);
  return key;
}

/** Which host keys a device may show. Keys are handed in before the connection, since the check has to be synchronous. */
export interface HostKeyPolicy {
  /** `strict` refuses a device without a known key; `accept-new` takes the first key that is seen and reports it. */
  readonly mode: "strict" | "accept-new";
  /** Public keys as in an authorized_keys file: `ssh-ed25519 AAAA…`, a comment may follow. Any of them will do. */
  readonly known: readonly string[];
}

/** What a policy says about a key. */
export type HostKeyVerdict = "known" | "first" | "unknown" | "changed";

/**
 * Prepares the synchronous check of one connection. `first`: nothing was known and the policy accepts that; `unknown`:
 * nothing was known and it does not; `changed`: something else is known, in either mode. Unreadable lines of the policy
 * throw a RangeError here, before anything is sent.
 */
export function createHostKeyVerifier(policy: HostKeyPolicy): (key: HostKey) => HostKeyVerdict {
  const known = policy.known.map((line) => parseHostKey(line));
  return (key) => {
    if (known.length === 0) return policy.mode === "accept-new" ? "first" : "unknown";
    return known.some((one) => one.line === key.line) ? "known" : "changed";
  };
}

/** Whether a key that was accepted once would be accepted now. Reads no keys: it is asked for every use of a session. */
export function isStillAccepted({ mode, known }: HostKeyPolicy, key: HostKey): boolean {
  if (known.length === 0) return mode === "accept-new";
  return known.some((line) => line.trim().split(/\s+/, 2).join(" ") === key.line);
}

/** Whether a key that counted once does not any more. */
export function hasLostKeys(before: HostKeyPolicy, now: HostKeyPolicy): boolean {
  return before.known.some((line) => !now.known.includes(line));
}

/** One usable line of a known_hosts file. */
export interface KnownHost {
  readonly key: HostKey;
  /** True when the line is `@revoked`: this key must never be accepted. */
  readonly revoked: boolean;
  /** Whether the line speaks of this host; `port` 22 is written without brackets, any other as `[host]:port`. */
  matches(host: string, port: number): boolean;
}

/**
 * Reads a known_hosts file: plain, wildcard, negated and hashed hosts, `[host]:port`, `@revoked`. Comments and empty lines
 * are passed over, and so is `@cert-authority`, since host certificates are not supported. A line that cannot be read
 * throws a RangeError with its number.
 */
export function parseKnownHosts(text: string): KnownHost[] {
  const hosts: KnownHost[] = [];
  for (const [index, raw] of text.split("\n").entries()) {
    const fields = raw.trim().split(/\s+/);
    const marker = fields[0]?.startsWith("@") ? fields.shift() : undefined;
    const [names, type, base64] = fields;
    if (!names || names.startsWith("#") || marker === "@cert-authority") continue;
    try {
      hosts.push({
        key: parseHostKey(`${type ?? ""} ${base64 ?? ""}`),
        revoked: marker === "@revoked",
        matches: names.startsWith("|1|") ? hashedMatcher(names) : listMatcher(names),
      });
    } catch (error) {
      throw new RangeError(`line ${index + 1}: ${(error as Error).message}`);
    }
  }
  return hosts;
}

/** The keys that a known_hosts file holds for a host, in the form of {@link HostKeyPolicy.known}; revoked ones are left out. */
export function knownHostKeys(text: string, host: string, port: number): string[] {
  const matching = parseKnownHosts(text).filter((entry) => entry.matches(host, port));
  const revoked = new Set(matching.filter((entry) => entry.revoked).map((entry) => entry.key.line));
  return [...new Set(matching.map((entry) => entry.key.line))].filter((line) => !revoked.has(line));
}

function writtenForm(host: string, port: number): string {
  return port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;
}

function hashedMatcher(names: string): KnownHost["matches"] {
  const [, , salt, hash] = names.split("|");
  if (!salt || !hash) throw new RangeError("a hashed host needs salt and hash");
  const expected = Buffer.from(hash, "base64");
  return (host, port) => {
    const actual = createHmac("sha1", Buffer.from(salt, "base64")).update(writtenForm(host, port)).digest();
    return actual.length === expected.length && timingSafeEqual(actual, expected);
  };
}

function listMatcher(names: string): KnownHost["matches"] {
  const patterns = names.split(",").map((name) => {
    const negated = name.startsWith("!");
    const source = (negated ? name.slice(1) : name).toLowerCase();
    const escaped = source.replace(/[.+^${}()|[\]\\]/g, "\\$&");
    return { negated, pattern: new RegExp(`^${escaped.replaceAll("*", ".*").replaceAll("?", ".")}$`) };
  });
  return (host, port) => {
    const written = writtenForm(host, port);
    const hits = patterns.filter(({ pattern }) => pattern.test(written));
    return hits.length > 0 && !hits.some(({ negated }) => negated);
  };
}
