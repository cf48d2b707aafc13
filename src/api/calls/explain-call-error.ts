import type { DescMethod, JsonValue } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import { invalidRequest, problem, reasonOf } from "../../errors.js";
import { findBadFields } from "./bad-json.js";

/** What is known of a call whose request the framework refused. */
export interface RefusedCall {
  readonly method: DescMethod;
  /** The request's JSON text, where it was JSON and was read. */
  readonly json: () => string | undefined;
  readonly requestId: string;
  readonly unexpected: (error: unknown) => void;
}

/** Gives the framework's own errors a reason and says what is wrong in words that repeat nothing of the request. */
export function explainCallError(error: ConnectError, call: RefusedCall): ConnectError {
  if (reasonOf(error) !== undefined) return error;
  const text = error.rawMessage;
  switch (error.code) {
    case Code.ResourceExhausted:
      return /writeMaxBytes|response/i.test(text)
        ? problem("RESPONSE_TOO_LARGE", "the answer is too large; ask for less at a time")
        : problem("REQUEST_TOO_LARGE", "the request is larger than 4 MiB");
    case Code.DeadlineExceeded:
      return problem("DEADLINE_EXCEEDED", "the caller's deadline passed");
    case Code.Canceled:
    case Code.Aborted:
      return problem("CALL_CANCELLED", "the caller went away");
    case Code.Unimplemented:
      return problem("METHOD_NOT_FOUND", text);
    case Code.InvalidArgument:
      return isDecoding(text) ? badBody(text, call) : problem("INVALID_REQUEST", text);
    case Code.Internal:
      if (text.startsWith("parse binary:")) return badBody(text, call);
      if (text === "decompression failed" || text.startsWith("received compressed envelope"))
        return problem("INVALID_REQUEST", "the request cannot be decompressed");
      break;
    default:
      break;
  }
  call.unexpected(error);
  return problem("INTERNAL", `internal error (request ${call.requestId})`, {
    metadata: { request_id: call.requestId },
  });
}

function isDecoding(text: string): boolean {
  return /^(\[\w+\] )?cannot decode |JSON|^Invalid count value/.test(text);
}

function badBody(text: string, call: RefusedCall): ConnectError {
  const { typeName } = call.method.input;
  const json = call.json();
  if (json === undefined) return problem("INVALID_REQUEST", `the request is not a ${typeName} in binary form`);
  let value: JsonValue;
  try {
    value = JSON.parse(json) as JsonValue;
  } catch {
    return problem("INVALID_REQUEST", "the request is not JSON");
  }
  const fields = findBadFields(call.method.input, value);
  if (fields.length > 0) return invalidRequest(...fields);
  const twice = /duplicate object key "(\w{1,64})"/.exec(text)?.[1];
  if (twice !== undefined) return invalidRequest({ field: twice, description: "is given twice" });
  return problem("INVALID_REQUEST", `the request is not a ${typeName} in JSON form`);
}
