import { builtInPlatforms, createSessionPool } from "../../src/device/index.js";
import type {
  CommandRequest,
  Endpoint,
  Platform,
  Session,
  SessionPool,
  SessionPoolOptions,
} from "../../src/device/index.js";
import { systemClock } from "../../src/system/clock.js";
import { systemRandom } from "../../src/system/random.js";

/** A platform that comes with Pointsman. */
export function platform(name: string): Platform {
  const found = builtInPlatforms().get(name);
  if (!found) throw new Error(`no platform ${name}`);
  return found;
}

/** An endpoint on loopback for `admin` / `secret`, strict about the given host key. */
export function endpoint(port: number, hostKey: string, changes: Partial<Endpoint> = {}): Endpoint {
  return {
    address: "127.0.0.1",
    port,
    platform: platform("cisco_ios"),
    account: { username: "admin", password: "secret", enableSecret: "topsecret" },
    accountKey: "1",
    connectTimeoutMs: 60_000,
    hostKeys: { mode: "strict", known: [hostKey] },
    ...changes,
  };
}

/** A pool on the machine's own clock. */
export function pool(options: Partial<SessionPoolOptions> = {}): SessionPool {
  return createSessionPool({ clock: systemClock, random: systemRandom, ...options });
}

/** Runs a command with generous bounds; gives back its outcome and its whole output. */
export async function run(session: Session, command: string, changes: Partial<CommandRequest> = {}) {
  let output = "";
  const outcome = await session.run({
    command,
    idleTimeoutMs: 60_000,
    totalTimeoutMs: 120_000,
    maxOutputBytes: 64 * 1024 * 1024,
    onOutput: (text) => void (output += text),
    ...changes,
  });
  return { ...outcome, output };
}
