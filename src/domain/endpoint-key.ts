import { isIPv6 } from "node:net";

/** The port SSH listens on unless something else is said. */
export const defaultPort = 22;

/**
 * What exclusivity is keyed by: two names for one address and port are one endpoint. Letter case and a trailing dot of
 * host names do not matter, nor does the way an IPv6 address is written.
 */
export function endpointKey(address: string, port: number, exclusiveKey?: string): string {
  if (exclusiveKey) return `key/${exclusiveKey}`;
  const host = isIPv6(address) ? `[${canonicalIPv6(address)}]` : address.toLowerCase().replace(/\.$/, "");
  return `${host}:${port || defaultPort}`;
}

/** The shortest lower-case form (RFC 5952), as the URL parser writes it. */
function canonicalIPv6(address: string): string {
  return new URL(`http://[${address}]/`).hostname.slice(1, -1);
}
