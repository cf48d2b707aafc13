import type { JobSpec } from "@pointsman/sdk/v1";
import { checkCall } from "./check-call.js";
import { checkProgram } from "./check-program.js";

/** Throws INVALID_REQUEST for a program or a call that can be run nowhere. `field` is the path of what holds it. */
export function checkNodeWork({ operation }: Pick<JobSpec, "operation">, field: string): void {
  if (operation.case === "shell") checkProgram(operation.value, `${field}.shell`);
  if (operation.case === "http") checkCall(operation.value, `${field}.http`);
}
