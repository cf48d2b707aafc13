const kexInit = 20;
const cookieLength = 16;
/** The name lists of SSH_MSG_KEXINIT (RFC 4253, 7.1), as far as they decide; those of the two directions seldom differ. */
const lists = ["key exchange", "host key", "cipher", undefined, "MAC"] as const;

/** The key exchange methods in a whole KEXINIT packet, in the server's order. */
export function kexMethods(packet: Buffer): string[] {
  const at = 6 + cookieLength;
  return packet.toString("latin1", at + 4, at + 4 + packet.readUInt32BE(at)).split(",");
}

/** What a server offers, in words: "key exchange: a, b; host key: c; …". Undefined when the packet is no whole KEXINIT. */
export function offeredBy(packet: Buffer): string | undefined {
  if (packet.length < 6 || packet[5] !== kexInit || packet.length < 4 + packet.readUInt32BE(0)) return undefined;
  let at = 6 + cookieLength;
  const parts: string[] = [];
  for (const name of lists) {
    if (at + 4 > packet.length) return undefined;
    const length = packet.readUInt32BE(at);
    const names = packet.toString("latin1", at + 4, at + 4 + length);
    if (!/^[\x21-\x7e]*$/.test(names)) return undefined;
    if (name !== undefined) parts.push(`${name}: ${names.split(",").join(", ")}`);
    at += 4 + length;
  }
  return `offered: ${parts.join("; ")}`;
}
