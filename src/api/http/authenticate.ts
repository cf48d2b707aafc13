import type { Clock } from "../../domain/clock.js";
import { problem } from "../../errors.js";
import type { ApiKeyRecord, ApiKeyStore } from "../../store/store.js";
import { localPrincipal, matchesHash, parseApiKey } from "../calls/api-keys.js";
import type { Principal } from "../calls/call-context.js";
import { isLoopbackAuthority } from "../calls/loopback.js";
import type { AnyRequest } from "./one-port-server.js";

/** Finds out who calls, from the head of a request alone. */
export type Authenticate = (request: AnyRequest) => Promise<Principal>;

/** For how long a key, or that there is none, is believed without asking the store. Milliseconds. */
const believedMs = 5_000;
/** What was believed is believed on when the store has not answered for this long. Milliseconds. */
const askedMs = 1_000;
/** Keys remembered at a time, so that a flood of made-up ids fills no memory. */
const remembered = 10_000;

/**
 * Authenticates by `x-api-key` or `authorization: Bearer`. While no key is configured at all, callers of the same
 * machine are admin "local"; `open` says whether the server listens in a way that makes this safe. Requests that a web
 * page made a browser send (a foreign Origin, or a Host that only pretends to be this machine) are not among them, nor
 * those that came through a proxy which says so. While the store does not answer, what it said last holds on: no key can
 * be revoked then, and health can be asked.
 * Fails with UNAUTHENTICATED, which never says whether the id or the secret was wrong.
 */
export function createAuthenticate(parts: {
  readonly apiKeys: ApiKeyStore;
  readonly clock: Clock;
  readonly open: () => boolean;
}): Authenticate {
  const { apiKeys, clock, open } = parts;
  const keys = new Map<string, { readonly record: ApiKeyRecord | undefined; readonly untilMs: number }>();
  let anyKey: { readonly known: boolean; readonly untilMs: number } | undefined;

  /** What the store says, or said before when it does not answer now. */
  const ask = async <T>(asked: Promise<T>, before: { readonly value: T } | undefined): Promise<T> => {
    if (!before) return asked;
    let cancel = (): void => undefined;
    const late = new Promise<T>((resolve) => (cancel = clock.timer(askedMs, () => resolve(before.value))));
    return Promise.race([asked.catch(() => before.value), late]).finally(cancel);
  };

  const lookUp = async (id: string): Promise<ApiKeyRecord | undefined> => {
    const known = keys.get(id);
    if (known && known.untilMs > clock.monotonic()) return known.record;
    const untilMs = clock.monotonic() + believedMs;
    const record = await ask(apiKeys.get(id), known && { value: known.record });
    keys.delete(id);
    if (keys.size >= remembered) for (const oldest of keys.keys()) if (keys.delete(oldest)) break;
    keys.set(id, { record, untilMs });
    return record;
  };
  const hasKeys = async (): Promise<boolean> => {
    if (anyKey && anyKey.untilMs > clock.monotonic()) return anyKey.known;
    const untilMs = clock.monotonic() + believedMs;
    const before = anyKey && { value: anyKey.known };
    anyKey = { known: await ask(apiKeys.any(), before), untilMs };
    return anyKey.known;
  };

  return async (request) => {
    const given = givenKey(request);
    if (given !== undefined) {
      const parsed = parseApiKey(given);
      const record = parsed && (await lookUp(parsed.id));
      if (parsed && record && matchesHash(parsed.secret, record.hash)) return { name: record.name, role: record.role };
    }
    if (await hasKeys()) {
      throw problem(
        "UNAUTHENTICATED",
        given === undefined ? "an API key is needed: x-api-key, or authorization: Bearer" : "the API key is not known",
      );
    }
    if (!open()) throw problem("UNAUTHENTICATED", "no API key is configured; `pointsman keys create` makes one");
    if (!fromThisMachine(request)) {
      throw problem("UNAUTHENTICATED", "without API keys only requests from and to this machine itself are served");
    }
    return { name: localPrincipal, role: "admin" };
  };
}

function givenKey(request: AnyRequest): string | undefined {
  const own = request.headers["x-api-key"];
  if (typeof own === "string") return own;
  const bearer = /^bearer +(\S+)$/i.exec(request.headers.authorization ?? "");
  return bearer ? bearer[1] : request.headers.authorization;
}

/** What a proxy adds: it may stand on this machine, and whom it speaks for does not. */
const proxyHeaders = ["forwarded", "via", "x-forwarded-for", "x-real-ip"];

function fromThisMachine(request: AnyRequest): boolean {
  const { origin, host } = request.headers;
  if (proxyHeaders.some((name) => request.headers[name] !== undefined)) return false;
  if (origin !== undefined && !isLoopbackAuthority(origin.replace(/^https?:\/\//, ""))) return false;
  const authority = "authority" in request ? (request.authority ?? host) : host;
  return isLoopbackAuthority(authority ?? "");
}
