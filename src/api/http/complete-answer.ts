import { type ConnectError } from "@connectrpc/connect";
import { compressedFlag, encodeEnvelope, type UniversalServerResponse } from "@connectrpc/connect/protocol";
import {
  codeToHttpStatus,
  endStreamFlag,
  endStreamFromJson,
  endStreamToJson,
  errorFromJsonBytes,
  errorToJsonBytes,
} from "@connectrpc/connect/protocol-connect";
import { findTrailerError, setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerParse, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import { problem } from "../../errors.js";
import type { Protocol } from "./protocol.js";

/** Turns the framework's error into the one the caller shall see. */
export type Explain = (error: ConnectError) => ConnectError;

const headBytes = 5;

/**
 * The framework makes some errors itself, before any of our code runs: a body too large, a message that cannot be read,
 * a method it does not have. This gives each of them its reason on the way out, in all four forms an error can take.
 * `ended` hears how the call ended.
 */
export function completeAnswer(
  answer: UniversalServerResponse,
  protocol: Protocol,
  explain: Explain,
  ended: (error: ConnectError | undefined) => void,
): UniversalServerResponse {
  const { body } = answer;
  if (!body) return withoutBody(answer, ended);
  switch (protocol) {
    case "connect":
      return answer.status === 200
        ? { ...answer, body: finishing(body, ended) }
        : connectError(answer, body, explain, ended);
    case "connect-stream":
      return { ...answer, body: mapLast(body, endStreamFlag, (data) => endOfStream(data, explain, ended)) };
    case "grpc-web":
      return { ...answer, body: mapLast(body, trailerFlag, (data) => webTrailer(data, explain, ended)) };
    case "grpc":
      return { ...answer, body: beforeTrailer(body, answer.trailer, explain, ended) };
  }
}

/** Wrong HTTP method, content type or version: the framework answers with a bare status. */
function withoutBody(answer: UniversalServerResponse, ended: (error: ConnectError) => void): UniversalServerResponse {
  const error =
    answer.status === 415
      ? problem("INVALID_REQUEST", "the content type is none that this method takes")
      : problem("METHOD_NOT_FOUND", `the method cannot be called in this way (HTTP ${answer.status})`);
  ended(error);
  const header = new Headers(answer.header);
  header.set("content-type", "application/json");
  return { ...answer, header, body: once(errorToJsonBytes(error, undefined)) };
}

function connectError(
  answer: UniversalServerResponse,
  body: AsyncIterable<Uint8Array>,
  explain: Explain,
  ended: (error: ConnectError) => void,
): UniversalServerResponse {
  // The status and the head must be known before the body is: an error's body is one small piece.
  const header = new Headers(answer.header);
  const rewritten = { ...answer, header, body: rewrite() };
  return rewritten;

  async function* rewrite(): AsyncGenerator<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for await (const piece of body) pieces.push(piece);
    const bytes = Buffer.concat(pieces);
    if (header.has("content-encoding")) {
      yield bytes;
      return;
    }
    const error = explain(errorFromJsonBytes(bytes, undefined, problem("INTERNAL", "internal error")));
    ended(error);
    const explained = errorToJsonBytes(error, undefined);
    rewritten.status = codeToHttpStatus(error.code);
    header.set("content-length", String(explained.length));
    yield explained;
  }
}

async function* finishing(
  body: AsyncIterable<Uint8Array>,
  ended: (error: undefined) => void,
): AsyncGenerator<Uint8Array> {
  yield* body;
  ended(undefined);
}

/** Passes envelopes on (each is one piece) and replaces the data of the last one, which carries `flag`. */
async function* mapLast(
  body: AsyncIterable<Uint8Array>,
  flag: number,
  replace: (data: Uint8Array) => Uint8Array,
): AsyncGenerator<Uint8Array> {
  for await (const piece of body) {
    const flags = piece[0] ?? 0;
    const isLast = (flags & flag) === flag && (flags & compressedFlag) === 0;
    yield isLast ? encodeEnvelope(flags, replace(piece.subarray(headBytes))) : piece;
  }
}

function endOfStream(
  data: Uint8Array,
  explain: Explain,
  ended: (error: ConnectError | undefined) => void,
): Uint8Array<ArrayBuffer> {
  const end = endStreamFromJson(data);
  const error = end.error && explain(end.error);
  ended(error);
  return new TextEncoder().encode(JSON.stringify(endStreamToJson(end.metadata, error, undefined)));
}

function webTrailer(data: Uint8Array, explain: Explain, ended: (error: ConnectError | undefined) => void): Uint8Array {
  const trailer = trailerParse(data);
  completeTrailer(trailer, explain, ended);
  return trailerSerialize(trailer);
}

async function* beforeTrailer(
  body: AsyncIterable<Uint8Array>,
  trailer: Headers | undefined,
  explain: Explain,
  ended: (error: ConnectError | undefined) => void,
): AsyncGenerator<Uint8Array> {
  yield* body;
  if (trailer) completeTrailer(trailer, explain, ended);
}

function completeTrailer(trailer: Headers, explain: Explain, ended: (error: ConnectError | undefined) => void): void {
  const error = findTrailerError(trailer);
  const explained = error && explain(error);
  if (explained && explained !== error) setTrailerStatus(trailer, explained);
  ended(explained);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
