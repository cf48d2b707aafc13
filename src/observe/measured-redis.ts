import { Counter, Histogram, type Registry } from "prom-client";
import type { StoreObserver } from "../store/store.js";
import { fastSeconds } from "./buckets.js";
import { metricPrefix } from "./registry.js";

/** Measures what Redis is asked for: how long each script took from here, and what failed. */
export function measureRedis(registry: Registry): StoreObserver {
  const registers = [registry];
  const calls = new Histogram({
    name: `${metricPrefix}redis_call_seconds`,
    help: "How long calls of scripts took, the way there and back included.",
    labelNames: ["script"],
    buckets: fastSeconds,
    registers,
  });
  const errors = new Counter({
    name: `${metricPrefix}redis_errors_total`,
    help: "Calls of scripts that failed, by the store's reason.",
    labelNames: ["reason"],
    registers,
  });
  return (script, ms, failure) => {
    calls.observe({ script }, ms / 1_000);
    if (failure !== undefined) errors.inc({ reason: failure });
  };
}
