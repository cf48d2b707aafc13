import * as http2 from "node:http2";
import { setMaxListeners } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import type { ConnectRouter } from "@connectrpc/connect";
import { Code, ConnectError } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { durationFromMs, type ErrorReason } from "@pointsman/sdk";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "@pointsman/sdk/v1";

/** A real server on a real port, whose answers the test writes and whose connections it can cut. */
export interface ScriptedServer {
  readonly url: string;
  readonly port: number;
  /** Connections open now. */
  readonly sockets: ReadonlySet<Socket>;
  /** Cuts every connection: closed in order ("fin") or torn down ("rst"). */
  cut(how?: "fin" | "rst"): void;
  /** Stops listening and cuts every connection. */
  close(): Promise<void>;
}

/** Starts a server over clear-text HTTP/2. `port` 0 takes any. */
export async function startScriptedServer(routes: (router: ConnectRouter) => void, port = 0): Promise<ScriptedServer> {
  const shutdown = new AbortController();
  setMaxListeners(0, shutdown.signal);
  const server = http2.createServer(connectNodeAdapter({ routes, shutdownSignal: shutdown.signal }));
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.on("sessionError", () => undefined);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const address = server.address() as AddressInfo;
  const cut = (how: "fin" | "rst" = "rst"): void => {
    for (const socket of sockets) {
      if (how === "rst") socket.resetAndDestroy();
      else socket.destroy();
    }
  };
  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    sockets,
    cut,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      shutdown.abort(new ConnectError("stopping", Code.Unavailable));
      cut();
      await closed;
    },
  };
}

/** An error as the service makes them: with an ErrorInfo, and what else the test asks for. */
export function serviceError(
  code: Code,
  reason: ErrorReason | (string & {}),
  message: string,
  facts: {
    metadata?: Record<string, string>;
    violations?: { field: string; description: string }[];
    retryAfterMs?: number;
  } = {},
): ConnectError {
  return new ConnectError(message, code, undefined, [
    { desc: ErrorInfoSchema, value: { reason, domain: "pointsman", metadata: facts.metadata ?? {} } },
    ...(facts.violations ? [{ desc: BadRequestSchema, value: { fieldViolations: facts.violations } }] : []),
    ...(facts.retryAfterMs === undefined
      ? []
      : [{ desc: RetryInfoSchema, value: { retryDelay: durationFromMs(facts.retryAfterMs) } }]),
  ]);
}
