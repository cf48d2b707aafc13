import type { Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { createSessions } from "./sessions.js";

/** A transport with the connection behind it. */
export interface OwnedTransport {
  readonly transport: Transport;
  /** Closes the connection and every call on it. */
  close(): void;
}

const loopback = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/**
 * Connect over one HTTP/2 connection, clear text or TLS as the URL says. It is opened by the first call, checked by
 * PING while calls are open, and closed after a minute without any.
 */
export function createNodeTransport(baseUrl: string): OwnedTransport {
  const sessionManager = createSessions(baseUrl, {
    pingIntervalMs: 20_000,
    pingTimeoutMs: 10_000,
    idleConnectionTimeoutMs: 60_000,
  });
  const transport = createConnectTransport({
    baseUrl,
    httpVersion: "2",
    sessionManager,
    // On one machine, packing answers costs more than it saves.
    ...(loopback.test(new URL(baseUrl).hostname) ? { acceptCompression: [] } : {}),
  });
  return { transport, close: () => sessionManager.abort() };
}
