import { randomBytes } from "node:crypto";
import type { Random } from "../domain/clock.js";

/** The operating system's randomness. */
export const systemRandom: Random = {
  number: () => Math.random(),
  bytes: (length) => randomBytes(length),
};
