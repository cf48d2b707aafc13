import { Gauge, type Registry } from "prom-client";
import type { Worker } from "../worker/worker.js";
import { metricPrefix } from "./registry.js";

/** What a worker has in hand at the moment of a scrape. */
export function gaugeWorker(worker: Worker, capacity: number, registry: Registry): void {
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name: metricPrefix + name,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  };
  gauge("worker_jobs_running", "Jobs that run here.", () => worker.running);
  gauge("worker_capacity", "Jobs that may run here at a time.", () => capacity);
  new Gauge({
    name: `${metricPrefix}worker_sessions`,
    help: "SSH sessions by state: being opened, in use, and waiting for work.",
    labelNames: ["state"],
    registers: [registry],
    collect() {
      const { open, idle, connecting } = worker.sessions;
      this.set({ state: "connecting" }, connecting);
      this.set({ state: "busy" }, open - idle - connecting);
      this.set({ state: "idle" }, idle);
    },
  });
}
