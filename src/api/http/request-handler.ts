import { isUtf8 } from "node:buffer";
import {
  type ConnectError,
  type ConnectRouter,
  createConnectRouter,
  createContextValues,
  type Interceptor,
} from "@connectrpc/connect";
import { universalRequestFromNodeRequest } from "@connectrpc/connect-node";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import type { Logger } from "pino";
import type { Clock, Random } from "../../domain/clock.js";
import { problem, toProblem } from "../../errors.js";
import { accessTable, reaches, type Access } from "../calls/access.js";
import type { Authenticate } from "./authenticate.js";
import { createDirectAnswers } from "./direct-answers.js";
import {
  type CallSubject,
  directKey,
  type Principal,
  principalKey,
  requestIdKey,
  subjectKey,
  traceParentKey,
} from "../calls/call-context.js";
import type { CallObserver, ObservedCall } from "../calls/call-observer.js";
import { completeAnswer } from "./complete-answer.js";
import { eventStreamPattern } from "./event-stream.js";
import { explainCallError } from "../calls/explain-call-error.js";
import { refuseUnheardBinary, refuseUnheardJson } from "../calls/refuse-unheard.js";
import type { AnyHandler, AnyRequest, AnyResponse } from "./one-port-server.js";
import { leaveBody, type Protocol, protocolOf, refuse } from "./protocol.js";
import { flowingBody, maxRequestBytes, wholeBody } from "./request-body.js";
import { logRequest } from "./request-log.js";
import { compressions, messageInQuery, messageOf } from "./request-message.js";
import { isGone, sendAnswer } from "./send-answer.js";
import { createStandingCalls } from "./standing-calls.js";

/** Answers requests to paths that are no method of a service. */
export interface PlainRoute {
  /** The path as a pattern, without what is of one request; undefined for paths it does not have. */
  pattern(path: string): string | undefined;
  /** What it needs; undefined for paths it does not have. */
  access(path: string): Access | undefined;
  /** Answers. May throw problems before the head is out; returns why it ended badly, if it did. */
  answer(
    request: AnyRequest,
    response: AnyResponse,
    call: {
      readonly path: string;
      readonly requestId: string;
      readonly principal: Principal | undefined;
      /** Aborts, with the problem, when the caller may not go on. */
      readonly signal: AbortSignal;
      readonly subject: CallSubject;
    },
  ): Promise<ConnectError | undefined>;
}

const bodyDeadlineMs = 30_000;
/** Large enough for an answer with 16 MiB of output in which every byte needs escaping. */
const maxAnswerBytes = 128 * 1024 * 1024;
/** Events are smaller than this: compressing them would cost the server three times what sending them does. */
const compressFromBytes = 64 * 1024;
const requestIdForm = /^[\x21-\x7e]{1,128}$/;

/**
 * The handler of every request: gives it an id, finds out who calls and whether they may, before a byte of the body is
 * read; hands it to its method; and sends the answer at the reader's pace.
 */
export function createRequestHandler(parts: {
  readonly routes: (router: ConnectRouter) => void;
  readonly plain: PlainRoute;
  readonly interceptors: Interceptor[];
  readonly authenticate: Authenticate;
  readonly shutdown: AbortSignal;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
  readonly calls?: CallObserver;
}): AnyHandler {
  const writing = {
    compressMinBytes: compressFromBytes,
    readMaxBytes: maxRequestBytes,
    writeMaxBytes: maxAnswerBytes,
    jsonOptions: { ignoreUnknownFields: false },
  };
  const router = createConnectRouter({
    ...writing,
    interceptors: parts.interceptors,
    acceptCompression: compressions,
  });
  const direct = createDirectAnswers(writing);
  parts.routes(router);
  const standing = createStandingCalls(parts);
  const methods = new Map<string, UniversalHandler>(router.handlers.map((method) => [method.requestPath, method]));

  const observed = (path: string): ObservedCall => {
    const method = methods.get(path)?.method;
    if (method) return { method: path.slice(1), streaming: method.methodKind !== "unary" };
    const pattern = parts.plain.pattern(path);
    return { method: pattern ?? "other", streaming: pattern === eventStreamPattern };
  };

  const handle = async (request: AnyRequest, response: AnyResponse): Promise<void> => {
    const requestId = requestIdOf(request, parts.random);
    response.setHeader("x-request-id", requestId);
    const path = (request.url ?? "").split("?", 1)[0]!;
    const protocol = protocolOf(request.headers);
    const line = logRequest(parts, request, response, { ...observed(path), requestId, path, protocol });
    const unexpected = (error: unknown): void => parts.logger.error({ err: error, requestId, method: path }, "fault");
    let stay: ReturnType<typeof standing.add> | undefined;
    try {
      const method = methods.get(path);
      const access = method ? accessTable[path] : parts.plain.access(path);
      if (!method && access === undefined) throw problem("METHOD_NOT_FOUND", "there is nothing at this path");
      const principal = access === "anyone" ? undefined : await parts.authenticate(request);
      if (principal) line.principal = principal.name;
      if (access === undefined || (principal && !reaches(principal.role, access))) {
        throw problem("PERMISSION_DENIED", `the role ${principal?.role} may not call this`);
      }
      stay = standing.add(request, access);
      const { signal } = stay;
      if (method) {
        const { subject, traceParent } = line;
        const call = { requestId, protocol, principal, unexpected, signal, subject, traceParent };
        await answerMethod(method, request, response, call, (error) => {
          line.ended = true;
          line.error = error;
        });
      } else {
        const { subject } = line;
        line.error = await parts.plain.answer(request, response, { path, requestId, principal, signal, subject });
        line.ended = true;
      }
    } catch (thrown) {
      const error = toProblem(thrown, { requestId, unexpected });
      line.error ??= error;
      if (response.headersSent || isGone(response)) cut(response);
      else refuse(request, response, protocol, error);
    } finally {
      stay?.end();
    }
  };

  const answerMethod = async (
    method: UniversalHandler,
    request: AnyRequest,
    response: AnyResponse,
    call: {
      readonly requestId: string;
      readonly protocol: Protocol;
      readonly principal: Principal | undefined;
      readonly unexpected: (error: unknown) => void;
      readonly signal: AbortSignal;
      readonly subject: CallSubject;
      readonly traceParent: string | undefined;
    },
    ended: (error: ConnectError | undefined) => void,
  ): Promise<void> => {
    const values = createContextValues().set(requestIdKey, call.requestId).set(subjectKey, call.subject);
    if (method.method.methodKind === "server_streaming")
      values.set(directKey, direct(method.method, request, response));
    if (call.principal) values.set(principalKey, call.principal);
    if (call.traceParent !== undefined) values.set(traceParentKey, call.traceParent);
    const { input } = method.method;
    let json: string | undefined;
    const look = (message: Uint8Array | undefined, isJson: boolean): void => {
      if (!message) return;
      if (!isJson) return refuseUnheardBinary(input, message);
      if (!isUtf8(message)) throw problem("INVALID_REQUEST", "the request is not UTF-8");
      json = textOf(message);
      refuseUnheardJson(input, json);
    };
    if (request.method === "GET") {
      const { message, isJson } = await messageInQuery(request);
      look(message, isJson);
    }
    const universal = universalRequestFromNodeRequest(request, response, undefined, values);
    const body =
      method.method.methodKind === "bidi_streaming"
        ? flowingBody(request, response, call.signal)
        : wholeBody(request, response, {
            clock: parts.clock,
            deadlineMs: bodyDeadlineMs,
            seen: async (bytes) => look(await messageOf(request, call.protocol, bytes), isJson(request)),
          });
    const answer = await method({ ...universal, body, signal: AbortSignal.any([universal.signal, call.signal]) });
    const explain = (error: ConnectError): ConnectError =>
      explainCallError(error, {
        method: method.method,
        json: () => json,
        requestId: call.requestId,
        unexpected: call.unexpected,
      });
    leaveBody(request, response);
    await sendAnswer(completeAnswer(answer, call.protocol, explain, ended), response);
  };

  return (request, response) => {
    // Without a listener, a peer's reset would be an uncaught error.
    request.on("error", () => undefined);
    response.on("error", () => undefined);
    void handle(request, response).catch((error: unknown) => {
      parts.logger.error({ err: error }, "a request could not be answered");
      cut(response);
    });
  };
}

function requestIdOf(request: AnyRequest, random: Random): string {
  const given = request.headers["x-request-id"];
  if (typeof given === "string" && requestIdForm.test(given)) return given;
  return Buffer.from(random.bytes(12)).toString("hex");
}

function isJson(request: AnyRequest): boolean {
  return /json/.test(request.headers["content-type"] ?? "");
}

function textOf({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("utf8");
}

/** Ends an answer that cannot be ended well, so that its reader does not take it for complete. */
function cut(response: AnyResponse): void {
  if ("stream" in response) response.stream.close(2);
  else response.destroy();
}
