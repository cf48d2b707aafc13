import type { DescMethod, Message } from "@bufbuild/protobuf";
import { createMethodSerializationLookup, encodeEnvelope } from "@connectrpc/connect/protocol";
import type { DirectAnswers } from "../calls/call-context.js";
import type { AnyRequest, AnyResponse } from "./one-port-server.js";
import { drained, isGone } from "./send-answer.js";

/** How messages are written, as the framework was told to write them. */
export interface WritingOptions {
  /** From this size on the framework may compress a message, which is not done here. */
  readonly compressMinBytes: number;
  readonly readMaxBytes: number;
  readonly writeMaxBytes: number;
  readonly jsonOptions: { readonly ignoreUnknownFields: boolean };
}

type Encode = (message: Message) => Uint8Array;

/**
 * Writes the answers of calls that stream. The framework passes every message through some ten generators, which cost a
 * server more than all else that it does for a watch; all it does there is to put the message into an envelope, and that is
 * the same in each protocol. The first answer, which takes the head with it, and the end are the framework's. A message
 * that goes to many is encoded once.
 */
export function createDirectAnswers(
  options: WritingOptions,
): (method: DescMethod, request: AnyRequest, response: AnyResponse) => DirectAnswers {
  const encoders = new Map<string, Encode>();

  function encoderOf(method: DescMethod, binary: boolean): Encode {
    const name = `${method.parent.typeName}/${method.name} ${binary}`;
    const known = encoders.get(name);
    if (known) return known;
    const { serialize } = createMethodSerializationLookup(method, undefined, options.jsonOptions, options).getO(binary);
    const envelopes = new WeakMap<Message, Uint8Array>();
    const encode: Encode = (message) => {
      let envelope = envelopes.get(message);
      if (!envelope) envelopes.set(message, (envelope = encodeEnvelope(0, serialize(message))));
      return envelope;
    };
    encoders.set(name, encode);
    return encode;
  }

  return (method, request, response) => {
    const encode = encoderOf(method, !/\+json/.test(request.headers["content-type"] ?? ""));
    let full = false;
    return {
      write(message) {
        if (!response.headersSent || isGone(response)) return false;
        const envelope = encode(message);
        if (envelope.length >= options.compressMinBytes) return false;
        full = !(response.write as (piece: Uint8Array) => boolean).call(response, envelope);
        return true;
      },
      async room() {
        if (full) await drained(response);
        full = false;
      },
    };
  };
}
