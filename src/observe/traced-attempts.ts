import { type Context, type Span, SpanKind, SpanStatusCode, trace, type Tracer } from "@opentelemetry/api";
import { type Endpoint, type TransportFactory } from "../device/index.js";
import type { EventFact } from "../domain/job-event.js";
import type { AttemptEnd, Claim, LeaseStore } from "../store/store.js";
import type { ReachableEndpoint } from "../worker/reach.js";
import { contextOf } from "./trace-context.js";

interface Running {
  readonly span: Span;
  readonly context: Context;
  readonly place: string;
}

/** The two ports of a worker at which its attempts are seen. */
export interface TracedAttempts {
  leases(leases: LeaseStore): LeaseStore;
  connect(connect: TransportFactory): TransportFactory;
}

/**
 * A span for each attempt, in the trace of whoever asked for its job, with one inside for each connection, point of no
 * return and command. Which attempt a connection is for follows from the device: only one holds it. Spans of commands
 * are drawn from what is told to the store, so they end up to a twentieth of a second late; no span holds a command's text.
 */
export function traceAttempts(tracer: Tracer, now: () => number): TracedAttempts {
  const byJob = new Map<string, Running>();
  const byPlace = new Map<string, Running>();

  function begin({ job, fence }: Claim): void {
    const parent = contextOf(job.traceParent);
    const from = trace.getSpanContext(parent);
    const span = tracer.startSpan(
      `job ${job.type}`,
      {
        kind: SpanKind.CONSUMER,
        attributes: {
          "messaging.system": "pointsman",
          "messaging.operation.type": "process",
          "messaging.message.id": job.id,
          "pointsman.job.attempt": job.attempt,
          "pointsman.job.effect_class": job.effectClass,
          "pointsman.job.wait_ms": Math.max(0, (job.startMs ?? 0) - (job.queueMs ?? job.startMs ?? 0)),
          "pointsman.fence": fence,
          "pointsman.zone": job.zone,
          ...(job.device === undefined ? {} : { "pointsman.device": job.device }),
        },
        links: from ? [{ context: from }] : [],
        ...(job.startMs === undefined ? {} : { startTime: job.startMs }),
      },
      parent,
    );
    const running = { span, context: trace.setSpan(parent, span), place: `${job.zone} ${job.endpoint}` };
    byJob.set(job.id, running);
    byPlace.set(running.place, running);
  }

  function end(id: string, { verdict, error }: AttemptEnd): void {
    const running = byJob.get(id);
    if (!running) return;
    byJob.delete(id);
    if (byPlace.get(running.place) === running) byPlace.delete(running.place);
    running.span.setAttribute("pointsman.verdict", verdict);
    if (error) running.span.setAttribute("pointsman.reason", error.reason);
    if (error && verdict !== "SUCCEEDED") {
      running.span.setStatus({ code: SpanStatusCode.ERROR, message: error.reason });
    }
    running.span.end();
  }

  function tell(id: string, facts: readonly EventFact[]): void {
    const running = byJob.get(id);
    if (!running) return;
    for (const fact of facts) {
      if (fact.kind !== "ended") continue;
      const endTime = now();
      const attributes = { "pointsman.command": fact.command, "pointsman.command.status": fact.status };
      const startTime = endTime - fact.durationMs;
      const span = tracer.startSpan("command", { kind: SpanKind.CLIENT, attributes, startTime }, running.context);
      if (fact.status === "REJECTED") span.setStatus({ code: SpanStatusCode.ERROR, message: "DEVICE_REJECTED" });
      span.end(endTime);
    }
  }

  /** Runs `work` within a span of an attempt; outside of any when it is not known. */
  async function within<T>(running: Running | undefined, name: string, kind: SpanKind, work: () => Promise<T>) {
    if (!running) return work();
    const span = tracer.startSpan(name, { kind }, running.context);
    try {
      return await work();
    } catch (error) {
      const reason = (error as { readonly reason?: unknown }).reason;
      span.setStatus({ code: SpanStatusCode.ERROR, message: typeof reason === "string" ? reason : "UNKNOWN" });
      throw error;
    } finally {
      span.end();
    }
  }

  return {
    leases: (leases) => ({
      ...leases,
      async claim(...asked) {
        const answer = await leases.claim(...asked);
        for (const claim of answer.claims) if (!byJob.has(claim.job.id)) begin(claim);
        return answer;
      },
      intent: (holder, step) =>
        within(byJob.get(holder.job), "intent", SpanKind.INTERNAL, () => leases.intent(holder, step)),
      append(holder, part) {
        tell(holder.job, part.facts);
        return leases.append(holder, part);
      },
      async finish(holder, ended) {
        tell(holder.job, ended.rest?.facts ?? []);
        try {
          return await leases.finish(holder, ended);
        } finally {
          end(holder.job, ended);
        }
      },
    }),
    connect: (connect) => (endpoint, context) =>
      within(byPlace.get(placeOf(endpoint)), "connect", SpanKind.CLIENT, () => connect(endpoint, context)),
  };
}

function placeOf(endpoint: Endpoint): string {
  const { zone, exclusive } = endpoint as ReachableEndpoint;
  return `${zone} ${exclusive}`;
}
