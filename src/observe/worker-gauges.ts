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
  gauge("worker_sessions_open", "SSH sessions: idle, in use and connecting.", () => worker.sessions.open);
  gauge("worker_sessions_idle", "SSH sessions that wait for work.", () => worker.sessions.idle);
}
