import type { Transport } from "@connectrpc/connect";
import { isRefusedStream, isUntrusted, toPointsmanError, type PointsmanError } from "./errors.js";
import { repeatable } from "./retry.js";
import type { OwnedTransport } from "./transport.js";

/** A server that was lost is left alone for about this long at first, then twice as long each time. Milliseconds. */
const restMs = { first: 500, longest: 15_000 };

/** One of several servers, as this client has found it. */
interface Server {
  readonly transport: Transport;
  /** Times in a row that it was lost. */
  losses: number;
  /** Until then it is left alone, if another can be asked. */
  restsUntil: number;
  /** One call at a time finds out whether it is back. */
  trying: boolean;
}

/**
 * Several servers as one: any of them does for any call, since none keeps anything of its own. Calls and watches go to
 * them in turn. One that cannot be reached, breaks the connection or says that it is stopping is left alone for a while;
 * what was asked of it is asked of another at once, where it was not begun or, with `repeat`, may be repeated.
 */
export function createServers(owned: readonly OwnedTransport[], repeat: boolean): OwnedTransport {
  const servers = owned.map(({ transport }): Server => ({
    transport,
    losses: 0,
    restsUntil: -Infinity,
    trying: false,
  }));
  let turn = Math.floor(Math.random() * servers.length);

  const rests = ({ losses, restsUntil, trying }: Server): boolean =>
    losses > 0 && (trying || performance.now() < restsUntil);

  /** The next in turn that does not rest; when all do, the one that rested longest. Undefined when all were asked. */
  function next(asked: ReadonlySet<Server>): Server | undefined {
    const inTurn = servers
      .map((_, index) => servers[(turn + index) % servers.length]!)
      .filter((one) => !asked.has(one));
    const chosen =
      inTurn.find((one) => !rests(one)) ?? inTurn.toSorted((one, other) => one.restsUntil - other.restsUntil)[0];
    if (!chosen) return undefined;
    turn = (servers.indexOf(chosen) + 1) % servers.length;
    if (chosen.losses > 0) chosen.trying = true;
    return chosen;
  }

  function answered(server: Server): void {
    server.losses = 0;
    server.trying = false;
  }

  /** Notes what an error says of its server: one that answers with an error is there. */
  function failed(server: Server, error: PointsmanError): void {
    if (!isLoss(error)) return answered(server);
    server.losses++;
    server.trying = false;
    const ms = Math.min(restMs.longest, restMs.first * 2 ** (server.losses - 1));
    server.restsUntil = performance.now() + ms * (0.5 + Math.random() / 2);
  }

  const others = (asked: ReadonlySet<Server>): boolean => servers.some((one) => !asked.has(one) && !rests(one));

  const transport: Transport = {
    async unary(method, signal, timeoutMs, header, input, contextValues) {
      const deadline = timeoutMs === undefined || timeoutMs <= 0 ? Infinity : performance.now() + timeoutMs;
      const asked = new Set<Server>();
      for (;;) {
        const server = next(asked)!;
        asked.add(server);
        const left = deadline - performance.now();
        try {
          const answer = await server.transport.unary(
            method,
            signal,
            Number.isFinite(left) ? Math.max(1, Math.ceil(left)) : timeoutMs,
            header,
            input,
            contextValues,
          );
          answered(server);
          return answer;
        } catch (thrown) {
          const error = toPointsmanError(thrown, signal?.aborted);
          failed(server, error);
          const mayGoOn = wasNotBegun(error) || (repeat && repeatable(method, input));
          if (!isLoss(error) || !mayGoOn || !others(asked) || performance.now() >= deadline) throw thrown;
        }
      }
    },
    async stream(method, signal, timeoutMs, header, input, contextValues) {
      const server = next(new Set())!;
      try {
        const answer = await server.transport.stream(method, signal, timeoutMs, header, input, contextValues);
        answered(server);
        return { ...answer, message: heard(answer.message, server, signal) };
      } catch (thrown) {
        failed(server, toPointsmanError(thrown, signal?.aborted));
        throw thrown;
      }
    },
  };

  /** The messages of a stream; a stream that breaks tells of its server. */
  async function* heard<T>(messages: AsyncIterable<T>, server: Server, signal: AbortSignal | undefined) {
    try {
      yield* messages;
    } catch (thrown) {
      failed(server, toPointsmanError(thrown, signal?.aborted));
      throw thrown;
    }
  }

  return {
    transport,
    close: () => {
      for (const { close } of owned) close();
    },
  };
}

/** The server itself is the matter: it is not there, or about to go. A store that is away is so for all of them. */
function isLoss({ code, reason }: PointsmanError): boolean {
  return code === "unavailable" && (reason === undefined || reason === "SHUTTING_DOWN");
}

const notReached: ReadonlySet<unknown> = new Set([
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
]);

/** Nothing of the call reached a server that would have done something about it. */
function wasNotBegun(error: PointsmanError): boolean {
  if (error.reason === undefined && (isRefusedStream(error) || isUntrusted(error))) return true;
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (notReached.has((cause as NodeJS.ErrnoException).code)) return true;
  }
  return false;
}
