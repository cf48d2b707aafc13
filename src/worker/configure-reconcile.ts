import { CommandStatus, LinePresence, LinesStanding } from "@pointsman/sdk/v1";
import { findLines, linesBeside, type Session, standingOf } from "../device/index.js";
import { type Change, reading } from "./configure-change.js";

/**
 * Tells of each line whether it stands in the running configuration; of lines that replace everything also what stands
 * there beside them; and of a way back, whose lines are those that are left of it, whether it is over. Only reads.
 */
export async function reconcile(change: Change, session: Session, platform: string, goesBack: boolean): Promise<void> {
  const { configurator, report, redactor, lines } = change;
  const { rules } = configurator;
  const { result } = report;
  if (!rules.flat && rules.negate === undefined) {
    report.remark(
      "warning",
      `${platform} does not show its configuration as it is typed: nothing can be told of lines`,
    );
  }
  const running = await configurator.running(session, reading(change), rules.flat);
  const presences = findLines(rules, running, lines, redactor);
  for (const [at, presence] of presences.entries()) {
    const line = result.lines[at];
    if (line && presence !== undefined) line.presence = LinePresence[presence];
  }
  if (goesBack) {
    // How many there were at first is not known here.
    result.standing = lines.length === 0 ? LinesStanding.ALL : LinesStanding.UNKNOWN;
    return;
  }
  const standing = standingOf(rules, lines, presences);
  const beside = change.replaces && standing === "ALL" ? linesBeside(rules, running, lines, redactor) : [];
  for (const line of beside) {
    const [status, presence] = [CommandStatus.SKIPPED, LinePresence.ABSENT];
    result.lines.push({ $typeName: "pointsman.v1.ConfigLineResult", line, status, presence, errorLines: [] });
  }
  result.standing = LinesStanding[beside.length > 0 ? "SOME" : standing];
}
