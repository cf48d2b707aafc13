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

/**
 * Why a change cannot be confirmed where so many sessions may be open at a time, in words for people; undefined: it can.
 * What a new session confirms lives on without the one that made it, so that one can make room.
 */
export function confirmationProblem(
  platform: string,
  { confirmed }: ConfigurationRules,
  maxSessions: number | undefined,
): string | undefined {
  if (confirmed?.session !== "same" || maxSessions === undefined || maxSessions > 1) return undefined;
  return `${platform} takes a change back when its session ends, so a second one has to confirm it, and max_sessions is 1`;
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
