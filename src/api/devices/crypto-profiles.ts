import { CryptoProfile } from "@pointsman/sdk/v1";
import type { CryptoProfile as CryptoProfileName } from "../../domain/crypto-profile.js";

const profiles = {
  modern: CryptoProfile.MODERN,
  compat: CryptoProfile.COMPAT,
  legacy: CryptoProfile.LEGACY,
} as const satisfies Record<CryptoProfileName, CryptoProfile>;

/** A profile for callers; unset where there is none. */
export function cryptoProfileMessage(name: CryptoProfileName | undefined): CryptoProfile {
  return name === undefined ? CryptoProfile.UNSPECIFIED : profiles[name];
}

/** A profile as the store has it; undefined where it is to be found out. */
export function cryptoProfileName(profile: CryptoProfile): CryptoProfileName | undefined {
  return (Object.keys(profiles) as CryptoProfileName[]).find((name) => profiles[name] === profile);
}
