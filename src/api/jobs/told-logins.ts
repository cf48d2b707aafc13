import type { InlineEndpoint } from "@pointsman/sdk/v1";
import { type FieldProblem, problem } from "../../errors.js";
import type { Principal } from "../calls/call-context.js";

/** What devices without a policy of their own keep to. */
export interface DefaultHostKeyPolicy {
  readonly defaultHostKeyPolicy: "strict" | "accept-new";
}

/**
 * Refuses to have a stored login told to a host that only the caller vouches for, or nobody at all, unless an admin asks:
 * a password could be read there. Throws PERMISSION_DENIED.
 */
export function checkToldLogins(
  { role }: Principal,
  { defaultHostKeyPolicy }: DefaultHostKeyPolicy,
  endpoint: InlineEndpoint,
  path: string,
): void {
  if (role === "admin") return;
  const hops = [
    { ...endpoint, field: path },
    // A bastion without a login of its own is logged in to as the device is.
    ...endpoint.bastions.map(({ login, hostKeys }, index) => ({
      ...{ hostKeys, field: `${path}.bastions[${index}]` },
      login: login.case === undefined ? endpoint.login : login,
    })),
  ];
  const fields = hops.flatMap(({ login, hostKeys, field }): FieldProblem[] => {
    if (login.case !== "credential") return [];
    if (hostKeys.length > 0) {
      const description = `with a stored credential are for admins alone, and your key is one of ${role}`;
      return [{ field: `${field}.host_keys`, description }];
    }
    if (defaultHostKeyPolicy === "strict") return [];
    const description = `a stored one is for admins alone where new host keys are accepted, and your key is one of ${role}`;
    return [{ field: `${field}.credential`, description }];
  });
  const [first] = fields;
  if (first) throw problem("PERMISSION_DENIED", `${first.field}: ${first.description}`, { fields });
}
