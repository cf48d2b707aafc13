import { DeviceError } from "./device-error.js";
import { type IdentityQuestion, told } from "./identity-rules.js";
import type { Platform } from "./platform.js";
import type { CommandRequest, Session } from "./session.js";

const bounds = { idleTimeoutMs: 30_000, totalTimeoutMs: 60_000, maxOutputBytes: 1024 * 1024 };

/** The names under which a device's prompt, or its own command, may know it, in lower case. */
export async function readHostNames(
  session: Session,
  platform: Platform,
  options: Pick<CommandRequest, "beforeWrite" | "signal">,
): Promise<readonly string[]> {
  const { hostName } = platform.identity;
  if (hostName) return ask(session, hostName, options);
  const mode = platform.modes.find(({ name }) => name === session.mode);
  const seen = mode?.prompt.exec(session.prompt)?.groups?.["host"];
  if (seen === undefined) throw untold(platform, "host name");
  // Some prompts show a user, a slot or a state beside the name.
  const bare = seen.slice(Math.max(seen.lastIndexOf("@"), seen.lastIndexOf(":")) + 1).replace(/\(.*$/, "");
  return [...new Set([seen, bare].map((name) => name.trim().toLowerCase()))];
}

/** The serial numbers that a device tells, in lower case. Throws UNSUPPORTED_BY_PLATFORM where nothing tells them. */
export async function readSerials(
  session: Session,
  platform: Platform,
  options: Pick<CommandRequest, "beforeWrite" | "signal">,
): Promise<readonly string[]> {
  const { serial } = platform.identity;
  if (!serial) throw untold(platform, "serial number");
  return ask(session, serial, options);
}

/** Whether a name is the one that is expected; where the platform cuts long names in prompts, its beginning is enough. */
export function isHostName(platform: Platform, seen: string, expected: string): boolean {
  const wanted = expected.toLowerCase();
  return seen === wanted || (platform.hostKept > 0 && seen.length >= platform.hostKept && wanted.startsWith(seen));
}

async function ask(
  session: Session,
  question: IdentityQuestion,
  options: Pick<CommandRequest, "beforeWrite" | "signal">,
): Promise<readonly string[]> {
  let output = "";
  const onOutput = (text: string): void => void (output += text);
  await session.run({ command: question.send, own: true, ...bounds, ...options, onOutput });
  return told(question, output);
}

function untold({ name }: Platform, what: string): DeviceError {
  return new DeviceError("UNSUPPORTED_BY_PLATFORM", `nothing tells the ${what} of a device of platform ${name}`);
}
