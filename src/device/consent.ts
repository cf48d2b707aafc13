import type { ConfigurationRules } from "./configuration-rules.js";

/** What somebody wants done with a configuration, and what they agreed to. */
export interface ConfigurationWish {
  /** False for a plan. */
  readonly changes: boolean;
  /** The change is to be taken back unless it is confirmed. */
  readonly confirmed: boolean;
  readonly save: boolean;
  readonly acceptUnproven: boolean;
  readonly acceptReboot: boolean;
}

/** The parts of a wish that are known from documents only. A plan where lines take effect at once only reads. */
export function unprovenParts(rules: ConfigurationRules, wish: ConfigurationWish): readonly string[] {
  const opens = wish.changes || rules.candidate !== undefined;
  return [
    ...(opens && rules.evidence === "documents" ? ["configuring"] : []),
    ...(wish.confirmed && rules.confirmed?.evidence === "documents" ? ["confirming in time"] : []),
    ...(wish.save && rules.save?.evidence === "documents" ? ["saving"] : []),
  ];
}

/** What a wish lacks, in words for people; undefined when it may go on. */
export function missingConsent(
  platform: string,
  rules: ConfigurationRules,
  wish: ConfigurationWish,
): string | undefined {
  if (wish.confirmed && rules.confirmed?.reboots && !wish.acceptReboot) {
    return `${platform} reboots when the confirm timeout runs out; set accept_reboot to allow that`;
  }
  const parts = unprovenParts(rules, wish);
  if (parts.length === 0 || wish.acceptUnproven) return undefined;
  return `${parts.join(", ")} on ${platform} is known from documents only; set accept_unproven to allow it`;
}
