import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import { freePort } from "./free-port.js";

/** A delivery as an endpoint got it. */
export interface ReceivedHook {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An HTTP endpoint that webhooks are delivered to. */
export interface HookEndpoint {
  readonly url: string;
  readonly received: readonly ReceivedHook[];
  /** What it answers; the default answers 204. */
  answer: (request: ReceivedHook, response: ServerResponse) => void;
  /** Nobody listens any more. */
  stop(): Promise<void>;
  /** It listens again, at the same port. */
  start(): Promise<void>;
}

/** Starts an endpoint on the loopback. */
export async function startHookEndpoint(): Promise<HookEndpoint> {
  const received: ReceivedHook[] = [];
  const accept: HookEndpoint["answer"] = (_request, response) => void response.writeHead(204).end();
  // One that nobody else is given while it does not listen.
  const port = await freePort();
  let server: Server | undefined;
  const endpoint = {
    answer: accept,
    received,
    get url() {
      return `http://127.0.0.1:${port}/hook`;
    },
    async start() {
      const listening = createServer((request, response) => {
        const pieces: Buffer[] = [];
        request.on("data", (piece: Buffer) => pieces.push(piece));
        request.on("end", () => {
          const got = { headers: request.headers, body: Buffer.concat(pieces).toString() };
          received.push(got);
          endpoint.answer(got, response);
        });
      });
      listening.listen(port, "127.0.0.1");
      await once(listening, "listening");
      server = listening;
    },
    async stop() {
      const listening = server;
      server = undefined;
      listening?.closeAllConnections();
      await new Promise<void>((resolve) => (listening ? listening.close(() => resolve()) : resolve()));
    },
  };
  await endpoint.start();
  return endpoint;
}
