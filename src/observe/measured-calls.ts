import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { CallObserver, CallOutcome } from "../api/calls/call-observer.js";
import { fastSeconds } from "./buckets.js";
import { metricPrefix } from "./registry.js";

/** Counts the calls that a server answers: how many, how they ended, how long they took, how many are under way. */
export function measureCalls(registry: Registry): CallObserver {
  const registers = [registry];
  const requests = new Counter({
    name: `${metricPrefix}rpc_requests_total`,
    help: "Calls that came to an end, by method and code.",
    labelNames: ["method", "code"],
    registers,
  });
  const durations = new Histogram({
    name: `${metricPrefix}rpc_duration_seconds`,
    help: "How long calls with one answer took.",
    labelNames: ["method"],
    buckets: fastSeconds,
    registers,
  });
  const underWay = new Gauge({
    name: `${metricPrefix}rpc_inflight`,
    help: "Calls with one answer that are under way.",
    registers,
  });
  const watches = new Gauge({ name: `${metricPrefix}watch_streams`, help: "Open watches.", registers });
  const refused = new Counter({
    name: `${metricPrefix}auth_failures_total`,
    help: "Calls refused for want of a key or of a right.",
    labelNames: ["reason"],
    registers,
  });

  return {
    began({ method, streaming }) {
      const gauge = streaming ? watches : underWay;
      gauge.inc();
      const ended = ({ code, reason, ms }: CallOutcome): void => {
        gauge.dec();
        requests.inc({ method, code });
        if (!streaming) durations.observe({ method }, ms / 1_000);
        if (code === "unauthenticated" || code === "permission_denied") refused.inc({ reason: reason ?? "UNKNOWN" });
      };
      return { ended };
    },
  };
}
