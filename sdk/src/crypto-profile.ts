import { CryptoProfile } from "./v1.js";

/** How old the algorithms may be that a connection is protected with; "auto": found out. */
export type CryptoProfileName = "auto" | "modern" | "compat" | "legacy";

/** A profile in the contract's form. */
export const cryptoProfiles: Readonly<Record<CryptoProfileName, CryptoProfile>> = {
  auto: CryptoProfile.UNSPECIFIED,
  modern: CryptoProfile.MODERN,
  compat: CryptoProfile.COMPAT,
  legacy: CryptoProfile.LEGACY,
};
