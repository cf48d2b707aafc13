import type { ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import type { Logger } from "pino";
import type { Clock } from "../../domain/clock.js";
import { asTraceParent, traceIdOf } from "../../domain/trace-parent.js";
import { reasonOf } from "../../errors.js";
import type { CallSubject } from "../calls/call-context.js";
import type { CallObserver, ObservedCall } from "../calls/call-observer.js";
import type { AnyRequest, AnyResponse } from "./one-port-server.js";

/**
 * One line in the log per call: who, what, about which job, how it ended, how long it took. Never a body, a header
 * value or a secret.
 */
export interface RequestLog {
  principal?: string;
  /** Undefined: it ended well. */
  error?: ConnectError | undefined;
  /** Whether the call came to its own end. */
  ended: boolean;
  readonly subject: CallSubject;
  /** The trace that work which the call asks for belongs to. */
  readonly traceParent: string | undefined;
}

/** Starts the line; it is written when the answer has left or its reader has gone. */
export function logRequest(
  parts: { readonly logger: Logger; readonly clock: Clock; readonly calls?: CallObserver },
  request: AnyRequest,
  response: AnyResponse,
  call: ObservedCall & { readonly requestId: string; readonly path: string; readonly protocol: string },
): RequestLog {
  const startMs = parts.clock.monotonic();
  const given = asTraceParent(request.headers["traceparent"]);
  const underWay = parts.calls?.began({ method: call.method, streaming: call.streaming, traceParent: given });
  const line: RequestLog = { ended: false, subject: {}, traceParent: underWay?.traceParent ?? given };
  const peer = request.socket?.remoteAddress;
  response.once("close", () => {
    const { error } = line;
    const code = error ? codeToString(error.code) : line.ended ? "ok" : "canceled";
    const reason = error && reasonOf(error);
    const ms = parts.clock.monotonic() - startMs;
    underWay?.ended({ code, reason, ms, waits: line.subject.waits ?? false });
    parts.logger.info(
      {
        requestId: call.requestId,
        method: call.path,
        protocol: call.protocol,
        peer,
        principal: line.principal,
        ...line.subject,
        code,
        reason,
        ms: Math.round(ms),
        trace: line.traceParent && traceIdOf(line.traceParent),
      },
      "call",
    );
  });
  return line;
}
