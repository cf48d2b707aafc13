import type { ClientHttp2Session } from "node:http2";
import { Http2SessionManager, type Http2SessionOptions } from "@connectrpc/connect-node";

/** What a transport asks for its connection. */
export interface Sessions extends Pick<Http2SessionManager, "authority" | "request" | "notifyResponseByteRead"> {
  /** Closes the connection and every call on it. */
  abort(): void;
}

/**
 * One HTTP/2 connection at a time, opened when it is asked for. Its manager stops listening to a session as soon as it
 * sees that it was destroyed, which may be before the session tells of its error: with nobody listening, that ends the
 * process. So somebody always does; the calls on it have failed by themselves.
 */
export function createSessions(baseUrl: string, options: Http2SessionOptions): Sessions {
  const manager = new Http2SessionManager(baseUrl, options);
  const known = new WeakSet<ClientHttp2Session>();
  return {
    authority: manager.authority,
    async request(...args) {
      const stream = await manager.request(...args);
      const session = stream.session as ClientHttp2Session | undefined;
      if (session && !known.has(session)) {
        known.add(session);
        session.on("error", () => undefined);
      }
      return stream;
    },
    notifyResponseByteRead: (stream) => manager.notifyResponseByteRead(stream),
    abort: () => manager.abort(),
  };
}
