import { isIP } from "node:net";

/** Whether an address or name to listen on is reached from this machine alone. */
export function isLoopbackHost(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  if (isIP(bare) === 4) return bare.startsWith("127.");
  if (isIP(bare) === 6) return bare === "::1" || /^::ffff:127\./.test(bare);
  return bare === "localhost";
}

/** The same for the authority of a request: host and perhaps port. */
export function isLoopbackAuthority(authority: string): boolean {
  return isLoopbackHost(authority.replace(/:\d+$/, ""));
}

/**
 * Refuses to serve the network to everyone: throws one clear line when `host` is not loopback and no API key is
 * configured. Answers with a warning to log when keys would travel in clear text, otherwise with undefined.
 */
export function assertSafeToServe(host: string, anyKey: boolean, tls: boolean): string | undefined {
  if (isLoopbackHost(host)) return undefined;
  if (!anyKey) {
    throw new Error(
      `Refusing to listen on ${host} without any API key: make one with \`pointsman keys create\`, or listen on 127.0.0.1`,
    );
  }
  return tls ? undefined : `listening on ${host} without TLS: API keys and device logins can be read on the way`;
}
