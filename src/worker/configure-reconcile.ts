import { LinePresence, LinesStanding } from "@pointsman/sdk/v1";
import { findLines, type Session, standingOf } from "../device/index.js";
import { type Change, reading } from "./configure-change.js";

/** Tells of each line whether it stands in the running configuration. Only reads. */
export async function reconcile(change: Change, session: Session, platform: string): Promise<void> {
  const { configurator, report, redactor, lines } = change;
  const { rules } = configurator;
  if (!rules.flat && rules.negate === undefined) {
    report.remark(
      "warning",
      `${platform} does not show its configuration as it is typed: nothing can be told of lines`,
    );
  }
  const running = await configurator.running(session, reading(change), rules.flat);
  const presences = findLines(rules, running, lines, redactor);
  for (const [at, presence] of presences.entries()) {
    const line = report.result.lines[at];
    if (line && presence !== undefined) line.presence = LinePresence[presence];
  }
  report.result.standing = LinesStanding[standingOf(rules, lines, presences)];
}
