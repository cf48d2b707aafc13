import {
  type CommandRequest,
  isHostName,
  type Platform,
  readHostNames,
  readSerials,
  type Session,
} from "../device/index.js";
import { AttemptError } from "./failure.js";

/** Who a device is expected to be. */
export interface ExpectedIdentity {
  readonly hostName?: string;
  readonly serial?: string;
}

/**
 * Throws DEVICE_IDENTITY_MISMATCH unless a device says that it is the one that is expected; `renamed` are names that the
 * work itself has given it. Throws UNSUPPORTED_BY_PLATFORM where it cannot say.
 */
export async function checkIdentity(
  session: Session,
  platform: Platform,
  expected: ExpectedIdentity,
  attempt: Required<Pick<CommandRequest, "beforeWrite" | "signal">>,
  renamed: ReadonlySet<string>,
): Promise<void> {
  const { hostName, serial } = expected;
  const { beforeWrite, signal } = attempt;
  const options = { beforeWrite, signal };
  if (hostName !== undefined) {
    const seen = await readHostNames(session, platform, options);
    const wanted = [hostName, ...renamed];
    if (!seen.some((name) => wanted.some((one) => isHostName(platform, name, one)))) {
      throw mismatch("host_name", "host name", hostName, seen.at(-1));
    }
  }
  if (serial !== undefined) {
    const seen = await readSerials(session, platform, options);
    if (!seen.includes(serial.toLowerCase())) throw mismatch("serial", "serial number", serial, seen.join(", "));
  }
}

function mismatch(what: string, name: string, expected: string, seen = ""): AttemptError {
  const told = seen === "" ? `tells no ${name}` : `tells the ${name} "${seen}"`;
  return new AttemptError("DEVICE_IDENTITY_MISMATCH", `the device ${told}, and "${expected}" is expected`, {
    ...{ what, expected, told: seen },
  });
}
