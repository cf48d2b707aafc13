import { isIPv4, isIPv6 } from "node:net";

/** The port SSH listens on unless something else is said. */
export const defaultPort = 22;

/** Where one host on the way to a device is. */
export interface HopPlace {
  readonly address: string;
  /** 0: the default. */
  readonly port: number;
}

/** Where a device is, and through which hosts, the first being the one that is reached directly. */
export interface DevicePlace extends HopPlace {
  readonly bastions?: readonly HopPlace[];
}

/**
 * What exclusivity is keyed by: the address as given, and the port, behind the same of each bastion on the way, since
 * sites may use the same addresses: "gw.example:22>10.0.0.1:22". Letter case and a trailing dot of host names do not
 * matter, nor does the way an IPv6 address is written; a name and the address it stands for are two endpoints. Takes
 * addresses that {@link addressProblem} has nothing against.
 */
export function endpointKey({ bastions = [], ...place }: DevicePlace, exclusiveKey?: string): string {
  if (exclusiveKey) return `key/${exclusiveKey}`;
  return [...bastions, place].map(hostAndPort).join(">");
}

/** The keys of the hosts on the way to a device: each is what it is by those before it. */
export function bastionKeys({ bastions = [] }: Pick<DevicePlace, "bastions">): string[] {
  return bastions.map((bastion, index) => endpointKey({ ...bastion, bastions: bastions.slice(0, index) }));
}

function hostAndPort({ address, port }: HopPlace): string {
  const host = canonicalHost(address);
  return `${isIPv6(host) ? `[${host}]` : host}:${port || defaultPort}`;
}

/** The one writing of an address that stands for all of its writings. */
export function canonicalHost(address: string): string {
  return isIPv6(address) ? canonicalIPv6(address) : address.toLowerCase().replace(/\.$/, "");
}

/** What is wrong with an address whose meaning another writing has too, or that means another host on each machine. */
export function addressProblem(address: string): string | undefined {
  if (address.includes("%")) return "must not have a zone id: it names an interface of one machine alone";
  if (isIPv6(address) && /^::ffff:[0-9a-f]+:[0-9a-f]+$/.test(canonicalIPv6(address))) {
    return "must be written as the IPv4 address that it maps";
  }
  const isName = !isIPv4(address) && !isIPv6(address);
  if (isName && /(^|\.)(\d+|0x[0-9a-f]*)\.?$/i.test(address)) {
    return "must be a host name or an IP address; its last part is a number, so it is another writing of an address";
  }
  return undefined;
}

/** The shortest lower-case form (RFC 5952), as the URL parser writes it. */
function canonicalIPv6(address: string): string {
  return new URL(`http://[${address}]/`).hostname.slice(1, -1);
}
