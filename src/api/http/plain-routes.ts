import { HealthStatus } from "@pointsman/sdk/v1";
import type { Clock } from "../../domain/clock.js";
import { problem } from "../../errors.js";
import type { Store } from "../../store/store.js";
import { eventStreamAccess } from "../calls/access.js";
import { answerEventStream, eventStreamJob, eventStreamPattern } from "./event-stream.js";
import type { HealthMonitor } from "../health/health-monitor.js";
import { leaveBody, writeHead } from "./protocol.js";
import type { PlainRoute } from "./request-handler.js";

/** Where the metrics are. */
const metricsPath = "/metrics";

/** Metrics in Prometheus' text form. */
export interface MetricsText {
  readonly text: string;
  readonly contentType: string;
}

/** What is served beside the services: the event stream of a job, and the probes of orchestrators. */
export function createPlainRoutes(parts: {
  readonly store: Store;
  readonly clock: Clock;
  readonly monitor: HealthMonitor;
  /** The metrics as text; none when they have a port of their own. */
  readonly metrics?: () => Promise<MetricsText>;
}): PlainRoute {
  return {
    pattern(path) {
      if (path === "/livez" || path === "/readyz" || path === metricsPath) return path;
      return eventStreamJob(path) === undefined ? undefined : eventStreamPattern;
    },
    access(path) {
      if (path === "/livez" || path === "/readyz") return "anyone";
      if (path === metricsPath) return parts.metrics && "reader";
      return eventStreamJob(path) === undefined ? undefined : eventStreamAccess;
    },
    async answer(request, response, { path, requestId, signal, subject }) {
      const id = eventStreamJob(path);
      // Some that look whether a server is there ask for the head alone; a stream has none worth asking for.
      const headAlone = request.method === "HEAD" && id === undefined;
      if (request.method !== "GET" && !headAlone) throw problem("METHOD_NOT_FOUND", "this path is for GET");
      const end = (text: string): unknown => (headAlone ? response.end() : response.end(text));
      if (id !== undefined) return answerEventStream(parts, request, response, { id, requestId, signal, subject });
      if (path === metricsPath && parts.metrics) {
        const { text, contentType } = await parts.metrics();
        leaveBody(request, response);
        writeHead(response, 200, { "content-type": contentType });
        end(text);
        return undefined;
      }
      // Alive means that this very answer is given; ready asks what is needed to do any work.
      const ready = path === "/livez" || parts.monitor.current().status !== HealthStatus.NOT_SERVING;
      leaveBody(request, response);
      writeHead(response, ready ? 200 : 503, { "content-type": "text/plain; charset=utf-8" });
      end(ready ? "ok\n" : "not ready\n");
      return undefined;
    },
  };
}
