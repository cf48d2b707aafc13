import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import type { TlsOptions } from "../api/http/one-port-server.js";
import { type Config, ConfigError } from "../config.js";

/**
 * Certificate and key of a server's settings; undefined where it speaks clear text. Throws ConfigError when a file cannot be
 * read, or the two do not belong together.
 */
export async function readCertificate({ tlsCertificate, tlsKey }: Config): Promise<TlsOptions | undefined> {
  if (tlsCertificate === undefined || tlsKey === undefined) return undefined;
  const [cert, key] = await Promise.allSettled([readFile(tlsCertificate, "utf8"), readFile(tlsKey, "utf8")]);
  if (cert.status === "rejected" || key.status === "rejected") {
    throw new ConfigError([
      ...(cert.status === "rejected" ? [`server.tls_certificate cannot be read: ${wordsOf(cert.reason)}`] : []),
      ...(key.status === "rejected" ? [`server.tls_key cannot be read: ${wordsOf(key.reason)}`] : []),
    ]);
  }
  const tls = { cert: cert.value, key: key.value };
  try {
    // An empty file, such as one that is being renewed, would make a context as well, of which every handshake fails.
    void new X509Certificate(tls.cert);
    createPrivateKey(tls.key);
    createSecureContext(tls);
  } catch (error) {
    throw new ConfigError([`server.tls_certificate and server.tls_key are no pair: ${wordsOf(error)}`]);
  }
  return tls;
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
