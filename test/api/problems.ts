import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "@pointsman/sdk/v1";

/** An error as its caller sees it. */
export interface SeenProblem {
  readonly code: string;
  readonly reason: string | undefined;
  readonly domain: string | undefined;
  readonly message: string;
  readonly fields: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly retries: boolean;
}

/** Waits for a call to fail and says how. Fails itself when the call succeeds. */
export async function problemOf(call: Promise<unknown>): Promise<SeenProblem> {
  let error: ConnectError;
  try {
    await call;
  } catch (thrown) {
    error = ConnectError.from(thrown);
    const info = error.findDetails(ErrorInfoSchema)[0];
    return {
      code: Code[error.code],
      reason: info?.reason,
      domain: info?.domain,
      message: error.rawMessage,
      fields: error.findDetails(BadRequestSchema).flatMap((bad) => bad.fieldViolations.map(({ field }) => field)),
      metadata: info?.metadata ?? {},
      retries: error.findDetails(RetryInfoSchema).length > 0,
    };
  }
  throw new Error("the call succeeded");
}

/** Reads a stream to its end. */
export async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

/** Reads a stream until one item meets a condition, that one included, and ends the call. */
export async function until<T>(
  open: (signal: AbortSignal) => AsyncIterable<T>,
  met: (item: T, all: readonly T[]) => boolean,
): Promise<T[]> {
  const stop = new AbortController();
  const items: T[] = [];
  try {
    for await (const item of open(stop.signal)) {
      items.push(item);
      if (met(item, items)) return items;
    }
  } finally {
    stop.abort();
  }
  throw new Error(`the stream ended after ${items.length} items`);
}
