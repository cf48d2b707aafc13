import type { Random } from "../../domain/clock.js";

/**
 * Randomness that a seed decides: the same seed gives the same numbers on every machine. Not for secrets.
 * The seed may be any text, so that every device and session can have a stream of its own (`"7/fra-r1/3"`).
 */
export function createSeededRandom(seed: string | number): Random {
  let state = hash(String(seed));
  const next = (): number => {
    // mulberry32: 32 bits of state are plenty to choose where to cut a line.
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    number: next,
    bytes: (length) => Uint8Array.from({ length }, () => Math.floor(next() * 256)),
  };
}

/** FNV-1a, 32 bits, of UTF-16 units. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return value;
}
