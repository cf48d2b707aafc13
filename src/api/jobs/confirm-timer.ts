import { fromBinary } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { ConfigMode, JobSpecSchema } from "@pointsman/sdk/v1";
import type { JobRecord } from "../../domain/job.js";

/** Devices that count minutes make a whole one of one that has begun. */
const minuteMs = 60_000;
/** A device may be this late with taking a change back. Milliseconds. */
const lateMs = 30_000;
/** What can end an attempt before it has waited for the timer; behind any other failure the worker has waited for it. */
const cutShort = new Set(["WORKER_LOST", "EXECUTION_TIMEOUT", "SESSION_CLOSED", "CANCELLED", "INTERNAL"]);

/**
 * Until when a device may still take the change of an INDETERMINATE job back by itself, by the store's clock in
 * milliseconds since the epoch: its timer began at the latest when the attempt ended. Undefined where none can run.
 */
export function confirmTimerEndMs({ spec, error, endMs }: JobRecord): number | undefined {
  if (endMs === undefined || !cutShort.has(error?.reason ?? "")) return undefined;
  const { operation } = fromBinary(JobSpecSchema, spec);
  if (operation.case !== "configure" || operation.value.mode !== ConfigMode.APPLY_CONFIRMED) return undefined;
  const { confirmTimeout } = operation.value;
  return confirmTimeout && endMs + Math.ceil(durationMs(confirmTimeout) / minuteMs) * minuteMs + lateMs;
}
