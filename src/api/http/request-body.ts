import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../../domain/clock.js";
import { problem } from "../../errors.js";
import type { AnyRequest, AnyResponse } from "./one-port-server.js";

/** Largest request message, in bytes. */
export const maxRequestBytes = 4 * 1024 * 1024;

/** What goes around a message: the envelope's head. */
const envelopeBytes = 5;

/**
 * The body of a call with one request message, in one piece. A body may arrive in as many frames as its sender likes;
 * the framework's decoder would copy all it has for each of them, so it is given everything at once. Nothing is read
 * before the first pull. Ends with more than the limit allows as soon as that much was read: the framework refuses it.
 * Fails with DEADLINE_EXCEEDED when the body takes longer than `deadlineMs`.
 */
export async function* wholeBody(
  request: AnyRequest,
  response: AnyResponse,
  options: { readonly clock: Clock; readonly deadlineMs: number; readonly seen?: (body: Uint8Array) => Promise<void> },
): AsyncGenerator<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  await new Promise<void>((done, failed) => {
    const cancel = options.clock.timer(options.deadlineMs, () =>
      finish(() => failed(problem("DEADLINE_EXCEEDED", "the request body did not arrive in time"))),
    );
    const onData = (chunk: Buffer): void => {
      chunks.push(chunk);
      size += chunk.length;
      if (size > maxRequestBytes + envelopeBytes) finish(done);
    };
    const onEnd = (): void => finish(done);
    const onClose = (): void => finish(() => failed(problem("CALL_CANCELLED", "the caller went away")));
    const finish = (then: () => void): void => {
      cancel();
      request.off("data", onData).off("end", onEnd).off("close", onClose);
      request.pause();
      then();
    };
    if (request.readableEnded) {
      finish(done);
      return;
    }
    if (request.destroyed) {
      onClose();
      return;
    }
    continueIfAsked(request, response);
    request.on("data", onData).on("end", onEnd).on("close", onClose);
    request.resume();
  });
  const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size);
  await options.seen?.(body);
  yield body;
}

/**
 * The body of a call with many request messages, as it comes; frames that arrive together are given together. Throws the
 * signal's reason when that aborts: whoever asks nothing more would else stay for ever.
 */
export async function* flowingBody(
  request: AnyRequest,
  response: AnyResponse,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  continueIfAsked(request, response);
  const over = new Promise<never>((_, failed) => {
    const fail = (): void => failed(signal.reason as Error);
    signal.addEventListener("abort", fail, { once: true });
    if (signal.aborted) fail();
  });
  over.catch(() => undefined);
  const chunks = request[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  for (;;) {
    const chunk = await Promise.race([chunks.next(), over]);
    if (chunk.done) return;
    yield chunk.value;
    await nextTurn();
  }
}

function continueIfAsked(request: AnyRequest, response: AnyResponse): void {
  if (request.headers.expect?.toLowerCase() === "100-continue" && !response.headersSent) response.writeContinue();
}
