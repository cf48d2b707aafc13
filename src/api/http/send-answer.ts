import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import type { AnyResponse } from "./one-port-server.js";
import { headerFields, writeHead } from "./protocol.js";

/**
 * Writes an answer at the pace of its reader: the body is pulled only when what was written before has left. When the
 * reader goes away, also while it is waited for, the body is told so and its own clean-up runs. Resolves when all is
 * written; rejects when it could not be.
 */
export async function sendAnswer(answer: UniversalServerResponse, response: AnyResponse): Promise<void> {
  const body = answer.body?.[Symbol.asyncIterator]();
  try {
    // The head goes out with the first piece, because the call may still set fields of it until then.
    let piece = await body?.next();
    if (isGone(response)) return;
    writeHead(response, answer.status, headerFields(answer.header ?? new Headers()));
    while (piece && piece.done !== true) {
      if (!write(response, piece.value)) await drained(response);
      if (isGone(response)) return;
      piece = await body?.next();
    }
    if (isGone(response)) return;
    if (answer.trailer) response.addTrailers(headerFields(answer.trailer));
    response.end();
  } finally {
    await body?.return?.();
  }
}

/** Whether nothing written now would reach anyone. */
export function isGone(response: AnyResponse): boolean {
  return "stream" in response ? response.stream.destroyed || response.stream.closed : response.destroyed;
}

function write(response: AnyResponse, piece: Uint8Array): boolean {
  return (response.write as (piece: Uint8Array) => boolean).call(response, piece);
}

/** Resolves when more can be written, or never will be. */
export function drained(response: AnyResponse): Promise<void> {
  return new Promise((done) => {
    const finish = (): void => {
      response.off("drain", finish);
      response.off("close", finish);
      response.off("error", finish);
      done();
    };
    response.on("drain", finish);
    response.on("close", finish);
    response.on("error", finish);
    if (isGone(response)) finish();
  });
}
