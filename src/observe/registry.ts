import { collectDefaultMetrics, Gauge, Registry } from "prom-client";

/** What every name of ours begins with. */
export const metricPrefix = "pointsman_";

/**
 * The metrics of this process: its version, memory, event loop and processor time; the other files of this folder add
 * theirs. No label ever carries the name of a device, a job or a caller, so that their number stays bounded.
 */
export function createMetricsRegistry(version: string): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: metricPrefix });
  new Gauge({
    name: `${metricPrefix}build_info`,
    help: "1, labelled with the version that runs.",
    labelNames: ["version"],
    registers: [registry],
  }).set({ version }, 1);
  return registry;
}
