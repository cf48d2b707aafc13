import { HealthStatus } from "@pointsman/sdk/v1";
import type { Clock } from "../domain/clock.js";
import { problem } from "../errors.js";
import type { Store } from "../store/store.js";
import { eventStreamAccess } from "./access.js";
import { answerEventStream, eventStreamJob } from "./event-stream.js";
import type { HealthMonitor } from "./health-monitor.js";
import { leaveBody, writeHead } from "./protocol.js";
import type { PlainRoute } from "./request-handler.js";

/** What is served beside the services: the event stream of a job, and the probes of orchestrators. */
export function createPlainRoutes(parts: {
  readonly store: Store;
  readonly clock: Clock;
  readonly monitor: HealthMonitor;
  readonly shutdown: AbortSignal;
}): PlainRoute {
  return {
    access(path) {
      if (path === "/livez" || path === "/readyz") return "anyone";
      return eventStreamJob(path) === undefined ? undefined : eventStreamAccess;
    },
    async answer(request, response, { path, requestId, signal }) {
      if (request.method !== "GET") throw problem("METHOD_NOT_FOUND", "this path is for GET");
      const id = eventStreamJob(path);
      if (id !== undefined) return answerEventStream(parts, request, response, { id, requestId, signal });
      // Alive means that this very answer is given; ready asks what is needed to do any work.
      const ready = path === "/livez" || parts.monitor.current().status !== HealthStatus.NOT_SERVING;
      leaveBody(request, response);
      writeHead(response, ready ? 200 : 503, { "content-type": "text/plain; charset=utf-8" });
      response.end(ready ? "ok\n" : "not ready\n");
      return undefined;
    },
  };
}
