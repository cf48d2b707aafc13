import { createHmac } from "node:crypto";

/** Name of the header that a signature stands in. */
export const signatureHeader = "pointsman-signature";

/**
 * Signs a body: "t=<seconds since the epoch>,v1=<HMAC-SHA256 of "<seconds>.<body>", hex>". The time is signed with it, so
 * that a receiver can refuse what was recorded long ago.
 */
export function signBody(secret: string, body: string, nowMs: number): string {
  const seconds = Math.floor(nowMs / 1_000);
  const digest = createHmac("sha256", secret).update(`${seconds}.${body}`).digest("hex");
  return `t=${seconds},v1=${digest}`;
}
