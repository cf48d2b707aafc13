import { collectDefaultMetrics, Gauge, Registry } from "prom-client";

/** What every name of ours begins with. */
export const metricPrefix = "pointsman_";

/** How far apart two looks at the event loop are, and the least that its lag can be. More often, they are what wakes an idle process. */
const lookEveryMs = 50;

/**
 * The metrics of this process: its version, memory, event loop and processor time; the other files of this folder add
 * theirs. No label ever carries the name of a device, a job or a caller, so that their number stays bounded.
 */
export function createMetricsRegistry(version: string): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: metricPrefix, eventLoopMonitoringPrecision: lookEveryMs });
  new Gauge({
    name: `${metricPrefix}build_info`,
    help: "1, labelled with the version that runs.",
    labelNames: ["version"],
    registers: [registry],
  }).set({ version }, 1);
  return registry;
}
