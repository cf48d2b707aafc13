import { createClient } from "@connectrpc/connect";
import { present } from "./answer.js";
import { callUnary, type CallOptions, type Connection } from "./call.js";
import type { WatchOptions } from "./job-watch.js";
import { resume } from "./resume.js";
import { HealthService, type Health } from "./v1.js";

/** Says whether the service can do its work. */
export interface HealthChecks {
  /** The state of the service and of its parts. */
  check(options?: CallOptions): Promise<Health>;
  /** The state at once and whenever it changes; resumes after a cut with the state as it is then. Never ends by itself. */
  watch(options?: Omit<WatchOptions, "heartbeatMs">): AsyncGenerator<Health, void, undefined>;
}

/** Makes the health part of a client. */
export function createHealth(connection: Connection): HealthChecks {
  const client = createClient(HealthService, connection.transport);
  return {
    async check(options = {}) {
      return present((await callUnary(connection, options, (call) => client.check({}, call))).health);
    },
    async *watch(options = {}) {
      const headers = { ...connection.headers, ...options.headers };
      const messages = resume(
        connection,
        { open: (signal) => client.watch({}, { signal, timeoutMs: 0, headers }), ends: () => false },
        { signal: options.signal, onReconnect: options.onReconnect },
      );
      for await (const message of messages) yield present(message.health);
    },
  };
}
