import { setMaxListeners } from "node:events";
import { ConnectError } from "@connectrpc/connect";
import type { Clock } from "../../domain/clock.js";
import { problem } from "../../errors.js";
import { type Access, reaches } from "../calls/access.js";
import type { Authenticate } from "./authenticate.js";
import type { AnyRequest } from "./one-port-server.js";

/** How often those who stay are asked again who they are. Milliseconds. */
const recheckMs = 5_000;

/** Calls under way, as long as their callers may make them and the server goes on. */
export interface StandingCalls {
  /**
   * Takes a call that was let in. Its signal aborts with the problem when the caller may not make it any more, and when
   * the server stops.
   */
  add(request: AnyRequest, access: Access): { readonly signal: AbortSignal; end(): void };
}

/**
 * Asks again and again, for every call under way, whether its caller may still make it: a watch can outlive its key by
 * days. A store that cannot be asked ends no call. Each call has a signal of its own: thousands that listen to the
 * server's would each be looked for among all the others when they begin and when they end.
 */
export function createStandingCalls(parts: {
  readonly authenticate: Authenticate;
  readonly shutdown: AbortSignal;
  readonly clock: Clock;
}): StandingCalls {
  const { authenticate, shutdown, clock } = parts;
  const calls = new Map<AbortController, { readonly request: AnyRequest; readonly access: Access }>();
  let cancel: (() => void) | undefined;

  const recheck = async (call: AbortController, request: AnyRequest, access: Access): Promise<void> => {
    try {
      const { role } = await authenticate(request);
      if (!reaches(role, access)) call.abort(problem("PERMISSION_DENIED", `the role ${role} may not call this`));
    } catch (error) {
      if (error instanceof ConnectError) call.abort(error);
    }
  };
  const tick = (): void => {
    for (const [call, { request, access }] of calls) if (access !== "anyone") void recheck(call, request, access);
    cancel = clock.timer(recheckMs, tick);
  };
  shutdown.addEventListener("abort", () => {
    for (const call of calls.keys()) call.abort(shutdown.reason);
  });

  return {
    add(request, access) {
      const call = new AbortController();
      setMaxListeners(0, call.signal);
      if (shutdown.aborted) call.abort(shutdown.reason);
      calls.set(call, { request, access });
      cancel ??= clock.timer(recheckMs, tick);
      return {
        signal: call.signal,
        end() {
          calls.delete(call);
          if (calls.size > 0) return;
          cancel?.();
          cancel = undefined;
        },
      };
    },
  };
}
