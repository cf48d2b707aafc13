import type { Endpoint } from "./endpoint.js";
import { openExecSession } from "./exec-session.js";
import type { LiveSession } from "./live-session.js";
import { openShellSession, type OpenOptions } from "./shell-session.js";
import type { Transport } from "./transport.js";

/** Makes a session of a fresh connection, in the way of its platform. On failure the connection is closed. */
export async function openSession(
  transport: Transport,
  endpoint: Endpoint,
  options: OpenOptions,
): Promise<LiveSession> {
  try {
    return endpoint.platform.channel === "exec"
      ? openExecSession(transport, endpoint, options)
      : await openShellSession(transport, endpoint, options);
  } catch (error) {
    void transport.close();
    throw error;
  }
}
