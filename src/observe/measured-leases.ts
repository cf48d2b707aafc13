import { Counter, Histogram, type Registry } from "prom-client";
import type { JobRecord } from "../domain/job.js";
import type { AttemptEnd, LeaseStore } from "../store/store.js";
import { slowSeconds } from "./buckets.js";
import { metricPrefix } from "./registry.js";

/**
 * A lease store that counts what goes through it: what a worker claims and how it ends, intents, outputs, and writes
 * that came too late. Standing at the port, it sees exactly what the store was told.
 */
export function measureLeases(leases: LeaseStore, registry: Registry, monotonic: () => number): LeaseStore {
  const counts = createCounts(registry);
  // Somebody is woken by the first of these, and only a number that was there before can be seen to grow.
  for (const operation of ["intent", "append", "finish"]) counts.fenced.inc({ operation }, 0);
  /** What runs here, by job, and since when. */
  const running = new Map<string, Pick<JobRecord, "type"> & { readonly sinceMs: number }>();

  function heard(operation: string, answer: string): void {
    if (answer === "FENCED") counts.fenced.inc({ operation });
  }

  function ended(id: string, { verdict, error }: AttemptEnd): void {
    const job = running.get(id);
    running.delete(id);
    if (!job) return;
    const labels = { type: job.type, outcome: verdict };
    counts.attempts.inc(labels);
    counts.durations.observe(labels, (monotonic() - job.sinceMs) / 1_000);
    if (error && verdict !== "SUCCEEDED") counts.failures.inc({ reason: error.reason });
  }

  return {
    ...leases,
    async beat(worker, figures) {
      const heardBack = await leases.beat(worker, figures);
      if (heardBack.answer === "DEAD") counts.buried.inc();
      return heardBack;
    },
    async claim(...asked) {
      const answer = await leases.claim(...asked);
      for (const { job } of answer.claims) {
        running.set(job.id, { type: job.type, sinceMs: monotonic() });
        if (job.attempt !== 1 || job.startMs === undefined || job.queueMs === undefined) continue;
        counts.waits.observe({ type: job.type }, Math.max(0, job.startMs - job.queueMs) / 1_000);
      }
      return answer;
    },
    async intent(holder, step) {
      const answer = await leases.intent(holder, step);
      counts.intents.inc({ answer: answer.answer });
      heard("intent", answer.answer);
      return answer;
    },
    async append(holder, part) {
      const answer = await leases.append(holder, part);
      counts.output.inc(part.output.length);
      heard("append", answer);
      return answer;
    },
    async finish(holder, end) {
      const answer = await leases.finish(holder, end);
      counts.output.inc(end.rest?.output.length ?? 0);
      heard("finish", answer);
      ended(holder.job, end);
      return answer;
    },
  };
}

function createCounts(registry: Registry) {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter<L>({ name: metricPrefix + name, help, labelNames: [...labelNames], registers });
  const histogram = <L extends string>(name: string, help: string, labelNames: readonly L[], buckets: number[]) =>
    new Histogram<L>({ name: metricPrefix + name, help, labelNames: [...labelNames], buckets, registers });
  return {
    attempts: counter("attempts_total", "Attempts that ended here, by the job's type and how.", ["type", "outcome"]),
    durations: histogram("attempt_duration_seconds", "How long attempts took.", ["type", "outcome"], slowSeconds),
    waits: histogram("job_wait_seconds", "How long jobs waited for their first attempt.", ["type"], slowSeconds),
    failures: counter("attempt_failures_total", "Attempts that did not succeed, by reason.", ["reason"]),
    intents: counter("intents_total", "Points of no return asked for, by the store's answer.", ["answer"]),
    output: counter("output_bytes_total", "Bytes of output handed to the store."),
    fenced: counter("fenced_writes_total", "Writes that came too late and changed nothing.", ["operation"]),
    buried: counter("worker_buried_total", "Times this worker was taken for dead and went on under another name."),
  };
}
