/** How far back the offered algorithms reach. */
export type CryptoProfile = "modern" | "compat" | "legacy";
