import { durationMs } from "@bufbuild/protobuf/wkt";
import type { ConfigureOperation } from "@pointsman/sdk/v1";
import type { Session } from "../device/index.js";
import { type Change, confirmed } from "./configure-change.js";
import { isGone, waitForReturn } from "./device-return.js";

/**
 * Waits for a device to which the last line of a change, or its commit, has cut the way, where that was expected, and
 * gives a fresh session to it. Throws the error of the change in any other case, and DEVICE_NOT_RETURNED.
 */
export async function afterReturn(
  it: Change,
  operation: ConfigureOperation,
  session: Session,
  error: unknown,
): Promise<Session> {
  const { progress, configurator, report, context, lines } = it;
  const last = configurator.rules.candidate ? lines.length + 1 : lines.length;
  const isLast = progress.intended === last && progress.confirmed < last;
  if (!operation.waitForReturn || !isGone(error) || !isLast) throw error;
  const fresh = await waitForReturn(context, session, durationMs(operation.waitForReturn), true);
  await configurator.prepare(fresh, { beforeWrite: context.beforeWrite, signal: context.signal });
  confirmed(it, last);
  progress.changed = true;
  report.result.committed = true;
  report.remark("info", "the way to the device was cut by the end of the change, and is there again");
  return fresh;
}
