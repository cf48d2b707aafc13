import { BlockList, isIP, isIPv6 } from "node:net";

/** What is not the public internet: within the house, within the machine, metadata of clouds, and what is no host's. */
const insideIpv4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
];

/** Of IPv6 only this is the public internet; … */
const outsideIpv6 = ["2000::/3"];
/** … and of that, not what is documentation, benchmarking, or leads to an IPv4 address by way of Teredo or ORCHID. */
const insideIpv6 = ["2001::/23", "2001:db8::/32", "3fff::/20"];

/** Which addresses may be called. */
export interface AddressRule {
  /** Whether an address may be called: one of the public internet, or one that is allowed. `address` is no name. */
  allows(address: string): boolean;
  /** Whether a host of a URL may be called, by its name. */
  allowsHost(host: string): boolean;
}

/** What an operator says of addresses. */
export interface AddressPolicy {
  /** Networks ("10.1.0.0/16", "::1") that may be called although they are not of the public internet. */
  readonly allowAddresses: readonly string[];
  /** Hosts that alone may be called: names, "*.example.com" for all below one, or addresses. Empty: all. */
  readonly allowHosts: readonly string[];
}

/** Makes the rule of a policy. Throws for a network that is none. */
export function createAddressRule({ allowAddresses, allowHosts }: AddressPolicy): AddressRule {
  const inside = networks([...insideIpv4, ...insideIpv6]);
  const outside = networks(outsideIpv6);
  const allowed = networks(allowAddresses);
  const hosts = allowHosts.map((host) => host.toLowerCase());

  function isPublic(address: string): boolean {
    if (!isIPv6(address)) return !inside.check(address, "ipv4");
    return outside.check(address, "ipv6") && !inside.check(address, "ipv6");
  }

  return {
    allows(address) {
      const plain = unwrapped(address);
      const family = isIP(plain);
      if (family === 0) return false;
      return isPublic(plain) || allowed.check(plain, family === 6 ? "ipv6" : "ipv4");
    },
    allowsHost(host) {
      const name = host.toLowerCase().replace(/\.$/, "");
      return (
        hosts.length === 0 || hosts.some((one) => (one.startsWith("*.") ? name.endsWith(one.slice(1)) : name === one))
      );
    },
  };
}

/** Throws what is wrong with a network, as the rest of a sentence. */
export function checkNetwork(network: string): void {
  networks([network]);
}

function networks(list: readonly string[]): BlockList {
  const blocks = new BlockList();
  for (const network of list) {
    const [address = "", prefix] = network.split("/");
    const family = isIP(address);
    const bits = prefix === undefined ? (family === 6 ? 128 : 32) : Number(prefix);
    if (family === 0 || !Number.isInteger(bits) || bits < 0 || bits > (family === 6 ? 128 : 32)) {
      throw new Error(`holds ${JSON.stringify(network)}, which is no address and no network`);
    }
    blocks.addSubnet(address, bits, family === 6 ? "ipv6" : "ipv4");
  }
  return blocks;
}

/**
 * An IPv6 address that carries an IPv4 address (mapped, compatible, NAT64, 6to4) is judged as that: whoever translates it
 * connects there. Anything else is itself.
 */
function unwrapped(address: string): string {
  if (!isIPv6(address)) return address;
  const groups = groupsOf(address);
  if (groups === undefined) return "";
  const ipv4 = (high: number, low: number): string => [high >> 8, high & 255, low >> 8, low & 255].join(".");
  const last = ipv4(groups[6] ?? 0, groups[7] ?? 0);
  const begins = (...head: readonly number[]): boolean => head.every((group, i) => groups[i] === group);
  if (begins(0, 0, 0, 0, 0, 0xffff) || begins(0, 0, 0, 0, 0xffff, 0) || begins(0x64, 0xff9b, 0, 0, 0, 0)) return last;
  if (begins(0, 0, 0, 0, 0, 0) && groups[6] !== 0) return last;
  if (begins(0x2002)) return ipv4(groups[1] ?? 0, groups[2] ?? 0);
  return address;
}

/** The eight groups of an IPv6 address; undefined for what names a link. */
function groupsOf(address: string): readonly number[] | undefined {
  if (address.includes("%")) return undefined;
  // A URL's host has one form: compressed, and without an IPv4 tail.
  const plain = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = "", tail] = plain.split("::");
  const read = (text: string): number[] => (text === "" ? [] : text.split(":").map((group) => parseInt(group, 16)));
  const [first, rest] = [read(head), tail === undefined ? [] : read(tail)];
  return [...first, ...Array.from({ length: 8 - first.length - rest.length }, () => 0), ...rest];
}
