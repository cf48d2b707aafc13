import { type RunSpec, type Schedule } from "@pointsman/sdk/v1";
import { invalidRequest } from "../../errors.js";
import type { Principal } from "../calls/call-context.js";
import { checkLifting } from "../jobs/lifted-commands.js";
import { checkRunSpec } from "../runs/check-run.js";

/**
 * The run of a schedule, checked as far as it can be before its time. Whoever is not there to give a login can use none
 * but those that are stored: a target given by address has no place in a schedule. INVALID_REQUEST, PERMISSION_DENIED.
 */
export function readRun({ run }: Schedule, caller: Principal): RunSpec {
  const field = "schedule.run";
  if (!run) throw invalidRequest({ field, description: "is required" });
  const inline = run.targets.findIndex(({ target }) => target.case === "endpoint");
  if (inline >= 0) {
    const description = "a schedule runs on devices of the inventory: add this one, and name it here";
    throw invalidRequest({ field: `${field}.targets[${inline}].endpoint`, description });
  }
  checkRunSpec(run, field);
  checkLifting(caller, run.job, `${field}.job`);
  return run;
}
