import { Counter, Histogram, type Registry } from "prom-client";
import { DeviceError, type TransportFactory } from "../device/index.js";
import { slowSeconds } from "./buckets.js";
import { metricPrefix } from "./registry.js";

/** Measures connecting and logging in to devices: how long it took, and why it failed. */
export function measureConnections(connect: TransportFactory, registry: Registry): TransportFactory {
  const durations = new Histogram({
    name: `${metricPrefix}ssh_connect_seconds`,
    help: "How long connecting and logging in took when it succeeded.",
    buckets: slowSeconds,
    registers: [registry],
  });
  const failures = new Counter({
    name: `${metricPrefix}ssh_connect_failures_total`,
    help: "Connections that failed, by reason.",
    labelNames: ["reason"],
    registers: [registry],
  });
  // Somebody is woken by the first of these, and only a number that was there before can be seen to grow.
  failures.inc({ reason: "HOST_KEY_CHANGED" }, 0);
  return async (endpoint, context) => {
    const end = durations.startTimer();
    try {
      const transport = await connect(endpoint, context);
      end();
      return transport;
    } catch (error) {
      failures.inc({ reason: error instanceof DeviceError ? error.reason : "UNKNOWN" });
      throw error;
    }
  };
}
