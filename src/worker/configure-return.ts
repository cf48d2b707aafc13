import type { CommandOutcome, Session } from "../device/index.js";
import { type Change, confirmed } from "./configure-change.js";
import { isGone, waitForReturn } from "./device-return.js";

/** The step that may cut the way to the device, its last line or its commit; undefined when none is expected to. */
function cuttingStep({ awaitsReturnMs, configurator, lines }: Change): number | undefined {
  if (awaitsReturnMs === undefined) return undefined;
  return configurator.rules.candidate ? lines.length + 1 : lines.length;
}

/** Notes that the answer to a step was seen; of one that was taken and may have cut the way, only a new login tells. */
export function confirmAnswer(it: Change, step: number, { status }: CommandOutcome): void {
  if (status === "rejected" || step !== cuttingStep(it)) confirmed(it, step);
}

/** Whether a change ended as one does that has cut its way, where that was expected. */
export function isCut(it: Change, error: unknown): boolean {
  const step = cuttingStep(it);
  return step !== undefined && it.progress.intended === step && it.progress.confirmed < step && isGone(error);
}

/**
 * Sees a device again through a fresh session, which this gives, and takes the cutting step for done; it may have been
 * answered before the way was cut. Throws DEVICE_NOT_RETURNED.
 */
export async function seeAgain(it: Change, session: Session, wasCut: boolean): Promise<Session> {
  const { progress, configurator, report, context, awaitsReturnMs = 0 } = it;
  const fresh = await waitForReturn(context, session, awaitsReturnMs, wasCut ? "gone" : "unknown");
  await configurator.prepare(fresh, { beforeWrite: context.beforeWrite, signal: context.signal });
  confirmed(it, progress.intended);
  progress.changed = true;
  report.result.committed = true;
  if (wasCut) report.remark("info", "the way to the device was cut by the end of the change, and is there again");
  return fresh;
}
