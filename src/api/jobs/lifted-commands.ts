import type { JobSpec } from "@pointsman/sdk/v1";
import { problem } from "../../errors.js";
import type { Principal } from "../calls/call-context.js";

/** Refuses to lift what a platform denies for whoever may not. Throws PERMISSION_DENIED. */
export function checkLifting({ role }: Principal, spec: JobSpec | undefined, path: string): void {
  if (role === "admin" || !spec || spec.liftedCommands.length === 0) return;
  const field = `${path}.lifted_commands`;
  const description = `is for admins alone, and your key is one of ${role}`;
  throw problem("PERMISSION_DENIED", `${field}: ${description}`, { fields: [{ field, description }] });
}
