import { durationMs } from "@bufbuild/protobuf/wkt";
import { type Health, HealthStatus } from "@pointsman/sdk/v1";
import { Gauge, type Registry } from "prom-client";
import { metricPrefix } from "./registry.js";

/**
 * What health knows of the parts of the service, at the moment of a scrape. Health looks by itself, so a scrape asks
 * nobody for anything. The names of parts and figures are those of the contract (`health_service.proto`).
 */
export function gaugeHealth(health: () => Health | undefined, registry: Registry): void {
  const gauge = <L extends string>(
    name: string,
    help: string,
    labelNames: L[],
    read: (into: Gauge<L>) => void,
  ): void => {
    new Gauge<L>({
      name: metricPrefix + name,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset();
        read(this);
      },
    });
  };
  const parts = () => health()?.components ?? [];
  gauge("part_status", "State of a part: 0 serving, 1 degraded, 2 not serving.", ["part"], (into) => {
    for (const { name, status } of parts()) into.set({ part: name }, status - HealthStatus.SERVING);
  });
  gauge("part_latency_seconds", "How long a part takes to answer.", ["part"], (into) => {
    for (const { name, latency } of parts()) if (latency) into.set({ part: name }, durationMs(latency) / 1_000);
  });
  gauge("part_figure", "Figures of the parts, as health shows them.", ["part", "figure"], (into) => {
    for (const { name, figures } of parts()) {
      for (const [figure, value] of Object.entries(figures)) into.set({ part: name, figure }, Number(value));
    }
  });
}
