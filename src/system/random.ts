import { randomFillSync } from "node:crypto";
import type { Random } from "../domain/clock.js";

/** Bytes asked of the system at a time: asking costs as much for a dozen as for all of these. */
const pooledBytes = 4_096;
const pool = Buffer.alloc(pooledBytes);
let used = pooledBytes;

/** The operating system's randomness. */
export const systemRandom: Random = {
  number: () => Math.random(),
  bytes(length) {
    if (length > pooledBytes) return randomFillSync(Buffer.alloc(length));
    if (used + length > pooledBytes) {
      randomFillSync(pool);
      used = 0;
    }
    const bytes = Uint8Array.from(pool.subarray(used, used + length));
    // What was given out is nobody else's, and is not left lying here: some of it becomes keys.
    pool.fill(0, used, used + length);
    used += length;
    return bytes;
  },
};
