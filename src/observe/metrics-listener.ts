import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";
import { createSwitch, type Service } from "../domain/service.js";

/** Where metrics are served without a key: an address that only Prometheus should reach. */
export interface MetricsListener extends Service {
  /** The port it listens on, once started. */
  readonly port: number;
}

/** Serves `GET /metrics` in clear text on an address of its own. Port 0 takes a free one. */
export function createMetricsListener(
  registry: Registry,
  at: { readonly host: string; readonly port: number },
): MetricsListener {
  const server = createServer((request, response) => {
    if (request.url?.split("?", 1)[0] !== "/metrics" || (request.method !== "GET" && request.method !== "HEAD")) {
      response.writeHead(404, { "content-type": "text/plain; charset=utf-8" }).end("metrics are at /metrics\n");
      return;
    }
    registry.metrics().then(
      (text) => response.writeHead(200, { "content-type": registry.contentType }).end(text),
      () => response.writeHead(500, { "content-type": "text/plain; charset=utf-8" }).end("not now\n"),
    );
  });
  const { start, stop } = createSwitch(async () => {
    server.listen(at.port, at.host);
    await once(server, "listening");
    return async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    };
  });
  return {
    get port() {
      return (server.address() as AddressInfo | null)?.port ?? at.port;
    },
    start,
    stop,
  };
}
