import { SpanKind, SpanStatusCode, type Tracer } from "@opentelemetry/api";
import type { CallObserver } from "../api/calls/call-observer.js";
import { contextOf, traceParentOf } from "./trace-context.js";

/** What a peer did wrong is no failure of this server. */
const serverFaults = new Set(["unknown", "deadline_exceeded", "unimplemented", "internal", "unavailable", "data_loss"]);

/** A span for each call that has one answer, within the caller's trace. Watches last too long to be spans. */
export function traceCalls(tracer: Tracer): CallObserver {
  return {
    began({ method, streaming, traceParent }) {
      if (streaming) return { traceParent, ended: () => undefined };
      const attributes = { "rpc.system": "connect_rpc", "rpc.method": method };
      const span = tracer.startSpan(method, { kind: SpanKind.SERVER, attributes }, contextOf(traceParent));
      return {
        traceParent: traceParentOf(span),
        ended({ code, reason }) {
          if (code !== "ok") span.setAttribute("rpc.connect_rpc.error_code", code);
          if (reason !== undefined) span.setAttribute("pointsman.reason", reason);
          if (serverFaults.has(code)) span.setStatus({ code: SpanStatusCode.ERROR, message: reason ?? code });
          span.end();
        },
      };
    },
  };
}
