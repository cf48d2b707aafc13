import * as http from "node:http";
import * as http2 from "node:http2";
import * as net from "node:net";
import type { SecureContextOptions } from "node:tls";

/** A request over HTTP/1.1 or HTTP/2. */
export type AnyRequest = http.IncomingMessage | http2.Http2ServerRequest;
/** Its answer. */
export type AnyResponse = http.ServerResponse | http2.Http2ServerResponse;
/** Answers requests of either version. Must not throw. */
export type AnyHandler = (request: AnyRequest, response: AnyResponse) => void;

/** Certificate chain and key, PEM. */
export interface TlsOptions {
  readonly cert: string | Uint8Array;
  readonly key: string | Uint8Array;
}

/** Limits of a connection. Times in milliseconds. */
export interface ConnectionLimits {
  /** For the first bytes, the TLS handshake, and the head of an HTTP/1.1 request. Default 10 s. */
  readonly headMs?: number;
  /** For a whole HTTP/1.1 request. Default 60 s. */
  readonly requestMs?: number;
  /** Between two HTTP/2 pings; a peer that left one unanswered by the next is cut. Default 30 s. */
  readonly pingMs?: number;
  /** Calls at a time on one HTTP/2 connection; watches count. Default 1,024. */
  readonly streams?: number;
}

/** One port for everything: HTTP/2 and HTTP/1.1, in clear text (told apart by the first bytes) or TLS (by ALPN). */
export interface OnePortServer {
  /** Starts to listen; port 0 takes a free one. Rejects with the system's error. */
  listen(at: {
    readonly host: string;
    readonly port: number;
  }): Promise<{ readonly host: string; readonly port: number }>;
  /** New connections get this certificate. Only where the server speaks TLS. */
  renewTls(tls: TlsOptions): void;
  /** Accepts nothing new, says goodbye (GOAWAY), waits for calls under way, and cuts what is left after `graceMs`. */
  close(graceMs: number): Promise<void>;
}

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const maxHeadBytes = 16 * 1024;
/** Memory that nghttp2 may hold for one connection, in megabytes: room for an answer of the largest size. */
const sessionMegabytes = 128;
const closePollMs = 20;

/** Serves `handler` on one port. */
export function createOnePortServer(options: {
  readonly handler: AnyHandler;
  readonly tls?: TlsOptions;
  readonly limits?: ConnectionLimits;
}): OnePortServer {
  const { handler, tls } = options;
  const { headMs = 10_000, requestMs = 60_000, pingMs = 30_000, streams = 1_024 } = options.limits ?? {};
  const sockets = new Set<net.Socket>();
  const sessions = new Set<http2.ServerHttp2Session>();
  const h2Options: http2.ServerOptions = {
    settings: { maxConcurrentStreams: streams },
    maxSessionMemory: sessionMegabytes,
  };
  const h1Options: http.ServerOptions = {
    headersTimeout: headMs,
    requestTimeout: requestMs,
    connectionsCheckingInterval: Math.min(headMs, 2_000),
    maxHeaderSize: maxHeadBytes,
  };
  const watchSessions = (server: http2.Http2Server | http2.Http2SecureServer): void => {
    server.on("session", (session) => {
      sessions.add(session);
      session.once("close", () => sessions.delete(session));
      keepAlive(session, pingMs);
    });
    server.on("request", handler);
    server.on("checkContinue", handler);
  };
  const track = (socket: net.Socket): void => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
  };

  const h1 = http.createServer(h1Options, handler);
  h1.on("checkContinue", handler);
  const idle: { closeIdleConnections(): void }[] = [h1];
  let front: net.Server;
  let renewTls = (_tls: TlsOptions): void => undefined;
  if (tls) {
    const secure = http2.createSecureServer({
      ...h2Options,
      ...h1Options,
      allowHTTP1: true,
      handshakeTimeout: headMs,
      ...contextOf(tls),
    });
    renewTls = (next) => secure.setSecureContext(contextOf(next));
    // Node sets these two itself, whatever the options say; they are read at every check.
    Object.assign(secure, { headersTimeout: headMs, requestTimeout: requestMs });
    watchSessions(secure);
    secure.on("connection", track);
    front = secure;
  } else {
    const h2 = http2.createServer(h2Options);
    watchSessions(h2);
    // A server that never listens does not start its checks for slow requests by itself.
    h1.emit("listening");
    front = net.createServer({ noDelay: true }, (socket) => {
      track(socket);
      sniff(socket, headMs, (isHttp2) => (isHttp2 ? h2 : h1).emit("connection", socket));
    });
  }
  if ("closeIdleConnections" in front) idle.push(front as unknown as http.Server);

  return {
    renewTls: (next) => renewTls(next),
    listen: ({ host, port }) =>
      new Promise((done, failed) => {
        front.once("error", failed);
        front.listen(port, host, () => {
          front.off("error", failed);
          const address = front.address() as net.AddressInfo;
          done({ host: address.address, port: address.port });
        });
      }),
    async close(graceMs) {
      if (!front.listening) return;
      const closed = new Promise<void>((done) => front.close(() => done()));
      for (const session of sessions) session.close();
      const closeIdle = (): void => {
        for (const server of idle) server.closeIdleConnections();
      };
      closeIdle();
      const poll = setInterval(closeIdle, closePollMs);
      const cut = setTimeout(() => {
        for (const session of sessions) session.destroy();
        for (const socket of sockets) socket.destroy();
      }, graceMs);
      await closed;
      clearTimeout(cut);
      clearInterval(poll);
      if (!tls) h1.close();
    },
  };
}

/** What a TLS server shows, and asks of its peers. */
function contextOf({ cert, key }: TlsOptions): SecureContextOptions {
  return { minVersion: "TLSv1.2", cert: Buffer.from(cert), key: Buffer.from(key) };
}

/** Looks at the first bytes without taking them. "PRI" is no method of HTTP/1.1, so three bytes decide. */
function sniff(socket: net.Socket, timeoutMs: number, decided: (isHttp2: boolean) => void): void {
  const onTimeout = (): void => void socket.destroy();
  socket.setTimeout(timeoutMs, onTimeout);
  let head: Buffer = Buffer.alloc(0);
  const look = (): void => {
    const more = socket.read() as Buffer | null;
    if (more === null) return;
    head = Buffer.concat([head, more]);
    const seen = Math.min(head.length, preface.length);
    const matches = head.subarray(0, seen).equals(preface.subarray(0, seen));
    // Put back only once it is decided: bytes put back are read again at once, for ever.
    if (matches && seen < 3) return;
    socket.off("readable", look);
    socket.setTimeout(0);
    socket.off("timeout", onTimeout);
    socket.unshift(head);
    decided(matches);
  };
  socket.on("readable", look);
}

/** Cuts a connection whose peer has gone without a word. */
function keepAlive(session: http2.ServerHttp2Session, everyMs: number): void {
  let answered = true;
  const timer = setInterval(() => {
    if (!answered) {
      session.destroy();
      return;
    }
    answered = false;
    session.ping((error) => {
      answered = error === null;
    });
  }, everyMs);
  timer.unref();
  session.once("close", () => clearInterval(timer));
}
