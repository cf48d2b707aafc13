import type { IncomingHttpHeaders } from "node:http";
import { type ConnectError } from "@connectrpc/connect";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import {
  codeToHttpStatus,
  endStreamFlag,
  endStreamToJson,
  errorToJsonBytes,
} from "@connectrpc/connect/protocol-connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import type { AnyRequest, AnyResponse } from "./one-port-server.js";

/** How a caller speaks, which decides how an error must look. */
export type Protocol = "grpc" | "grpc-web" | "connect" | "connect-stream";

/** The protocol of a request, by its content type; plain JSON and GET are Connect. */
export function protocolOf(headers: IncomingHttpHeaders): Protocol {
  const type = headers["content-type"] ?? "";
  if (type.startsWith("application/grpc-web")) return "grpc-web";
  if (type.startsWith("application/grpc")) return "grpc";
  return type.startsWith("application/connect+") ? "connect-stream" : "connect";
}

/** Answers a call with an error without having read its body, in the caller's own protocol. */
export function refuse(request: AnyRequest, response: AnyResponse, protocol: Protocol, error: ConnectError): void {
  leaveBody(request, response);
  if (protocol === "grpc" || protocol === "grpc-web") {
    const trailer = setTrailerStatus(new Headers(), error);
    trailer.set("content-type", request.headers["content-type"] ?? "");
    endWithHead(response, trailer);
  } else if (protocol === "connect-stream") {
    const end = JSON.stringify(endStreamToJson(new Headers(), error, undefined));
    writeHead(response, 200, { "content-type": request.headers["content-type"] ?? "" });
    response.end(encodeEnvelope(endStreamFlag, Buffer.from(end)));
  } else {
    writeHead(response, codeToHttpStatus(error.code), { "content-type": "application/json" });
    response.end(errorToJsonBytes(error, undefined));
  }
}

/** Header fields as Node takes them. */
export function headerFields(headers: Headers): Record<string, string> {
  return Object.fromEntries(headers.entries());
}

/** Starts an answer. HTTP/1.1 and HTTP/2 declare this differently; the call is the same. */
export function writeHead(response: AnyResponse, status: number, fields: Record<string, string>): void {
  (response.writeHead as (status: number, fields: Record<string, string>) => unknown).call(response, status, fields);
}

/**
 * Sends an answer that is a head and nothing else. Only a head that is not written apart from the end carries
 * END_STREAM itself; gRPC takes an empty DATA frame behind a head with a status for a broken stream.
 */
function endWithHead(response: AnyResponse, fields: Headers): void {
  response.statusCode = 200;
  for (const [name, value] of fields) response.setHeader(name, value);
  response.end();
}

/** How long a peer may go on sending a body that nobody reads, so that it sees the answer before the end. */
const lingerMs = 1_000;

/**
 * Ends the request without waiting for what is left of its body: an HTTP/2 stream is reset a moment after the answer is
 * out, an HTTP/1.1 connection is not used again.
 */
export function leaveBody(request: AnyRequest, response: AnyResponse): void {
  if (request.readableEnded || request.complete) return;
  if ("stream" in response) {
    const { stream } = response;
    // The stream's own event: an answer that is a head alone does not finish before the request does.
    stream.once("finish", () => {
      const timer = setTimeout(() => stream.close(), lingerMs);
      timer.unref();
      stream.once("close", () => clearTimeout(timer));
    });
  } else if (!response.headersSent) {
    response.setHeader("connection", "close");
  }
}
