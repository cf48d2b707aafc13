/** How far back the algorithms of a connection reach: today's, those of the last ten years, or anything. */
export type CryptoProfile = "modern" | "compat" | "legacy";
