import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import ssh2 from "ssh2";

/** The key by which a simulated device proves who it is. */
export interface HostKey {
  /** Private key in OpenSSH's format. */
  readonly privateKey: string;
  /** Type and key as in a known_hosts line without the host: `ssh-ed25519 AAAA…`. */
  readonly line: string;
}

/** Makes a new Ed25519 key. */
export function createHostKey(): HostKey {
  for (;;) {
    // ssh2 1.17 drops leading zero bytes of the public half, which spoils one key in 256: take the next one then.
    const { private: privateKey } = ssh2.utils.generateKeyPairSync("ed25519");
    if (!(ssh2.utils.parseKey(privateKey) instanceof Error)) return readHostKey(privateKey);
  }
}

/** The host key kept in `dir` as `host_key` (mode 0600); made at the first call. */
export function keepHostKey(dir: string): HostKey {
  const path = join(dir, "host_key");
  try {
    return readHostKey(readFileSync(path, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  const key = createHostKey();
  writeFileSync(path, key.privateKey, { mode: 0o600, flag: "wx" });
  return key;
}

/** Reads a private key in OpenSSH or PEM format. Throws when it is not one. */
export function readHostKey(privateKey: string): HostKey {
  const parsed = ssh2.utils.parseKey(privateKey);
  if (parsed instanceof Error) throw parsed;
  return { privateKey, line: `${parsed.type} ${parsed.getPublicSSH().toString("base64")}` };
}
