import type { Message } from "@bufbuild/protobuf";
import type { Interceptor } from "@connectrpc/connect";
import type { Logger } from "pino";
import { toProblem } from "../../errors.js";
import { requestIdKey } from "./call-context.js";
import { validateRequest } from "./validate-request.js";

/** Around every method: checks its requests, and gives whatever it throws the form that callers know. */
export function createCallGuard(logger: Logger): Interceptor {
  return (next) => async (request) => {
    const requestId = request.contextValues.get(requestIdKey);
    const problemOf = (thrown: unknown): Error =>
      toProblem(thrown, {
        requestId,
        unexpected: (error) => logger.error({ err: error, requestId, method: request.method.name }, "fault"),
      });
    try {
      if (!request.stream) {
        validateRequest(request.method.input, request.message);
        return await next(request);
      }
      const message = mapEach(request.message, (one) => validateRequest(request.method.input, one));
      const response = await next({ ...request, message });
      return response.stream ? { ...response, message: guarded(response.message, problemOf) } : response;
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

async function* guarded<T>(messages: AsyncIterable<T>, problemOf: (thrown: unknown) => Error): AsyncGenerator<T> {
  try {
    yield* messages;
  } catch (thrown) {
    throw problemOf(thrown);
  }
}
