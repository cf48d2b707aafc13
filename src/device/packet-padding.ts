import crypto from "node:crypto";

/** Padding has at most 20 bytes, and the cookie of a key exchange 16. */
const mostBytes = 32;
const stockBytes = 16_384;

/**
 * `crypto.randomFillSync` for the few random bytes of each packet, out of a stock: asking for them costs as much as
 * encrypting the packet does. Every byte is used once. Node does the same for randomUUID.
 */
export function createPacketPadding(): typeof crypto.randomFillSync {
  const { randomFillSync } = crypto;
  const stock = Buffer.allocUnsafeSlow(stockBytes);
  let used = stockBytes;
  const fill = (target: unknown, offset?: unknown, size?: unknown): unknown => {
    if (!Buffer.isBuffer(target) || typeof offset !== "number" || typeof size !== "number" || size > mostBytes)
      return Reflect.apply(randomFillSync, crypto, [target, offset, size]);
    if (used + size > stockBytes) {
      randomFillSync(stock);
      used = 0;
    }
    stock.copy(target, offset, used, (used += size));
    return target;
  };
  return fill as typeof randomFillSync;
}
