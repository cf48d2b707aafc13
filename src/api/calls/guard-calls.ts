import type { Message } from "@bufbuild/protobuf";
import type { Interceptor } from "@connectrpc/connect";
import type { Logger } from "pino";
import { toProblem } from "../../errors.js";
import { type DirectAnswers, directKey, requestIdKey, subjectKey } from "./call-context.js";
import { noteAnswer, noteRequest } from "./call-subject.js";
import { validateRequest } from "./validate-request.js";

/**
 * Around every method: checks its requests, gives whatever it throws the form that callers know, and notes what the call
 * is about.
 */
export function createCallGuard(logger: Logger): Interceptor {
  return (next) => async (request) => {
    const requestId = request.contextValues.get(requestIdKey);
    const subject = request.contextValues.get(subjectKey);
    const problemOf = (thrown: unknown): Error =>
      toProblem(thrown, {
        requestId,
        unexpected: (error) => logger.error({ err: error, requestId, method: request.method.name }, "fault"),
      });
    try {
      if (!request.stream) {
        validateRequest(request.method.input, request.message);
        noteRequest(subject, request.method, request.message);
        const response = await next(request);
        if (!response.stream) noteAnswer(subject, request.method, response.message);
        return response;
      }
      const message = mapEach(request.message, (one) => {
        validateRequest(request.method.input, one);
        noteRequest(subject, request.method, one);
      });
      const response = await next({ ...request, message });
      return response.stream
        ? { ...response, message: guarded(response.message, request.contextValues.get(directKey), problemOf) }
        : response;
    } catch (thrown) {
      throw problemOf(thrown);
    }
  };
}

async function* mapEach<T extends Message>(messages: AsyncIterable<T>, check: (one: T) => void): AsyncGenerator<T> {
  for await (const one of messages) {
    check(one);
    yield one;
  }
}

async function* guarded<T extends Message>(
  messages: AsyncIterable<T>,
  direct: DirectAnswers | undefined,
  problemOf: (thrown: unknown) => Error,
): AsyncGenerator<T> {
  try {
    for await (const message of messages) {
      if (direct?.write(message)) await direct.room();
      else yield message;
    }
  } catch (thrown) {
    throw problemOf(thrown);
  }
}
