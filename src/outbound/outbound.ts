import type { LookupAddress } from "node:dns";
import { type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import type { Clock } from "../domain/clock.js";
import type { AddressRule } from "./address-rule.js";
import { readBody } from "./answer-body.js";

/** A POST to make. */
export interface Call {
  readonly url: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The longest one call may take, in milliseconds, redirects included. */
  readonly timeoutMs: number;
  /** Bytes of the answer's body that are kept, after it was unpacked; the rest is not read. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal;
  /** Called when the connection stands: from here on the other side may have heard. */
  readonly onSend?: () => void;
}

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly truncated: boolean;
  /** The address that was called. */
  readonly address: string;
  readonly durationMs: number;
}

/** Why a call has no answer. */
export class OutboundError extends Error {
  override readonly name = "OutboundError";
  /** REFUSED: we do not call there. FAILED: it did not answer. */
  readonly kind: "REFUSED" | "FAILED";
  constructor(kind: "REFUSED" | "FAILED", message: string) {
    super(message);
    this.kind = kind;
  }
}

/** Makes calls to URLs that others name. */
export interface Outbound {
  /**
   * Posts, and gives the answer, whatever its status. The name is resolved once, every address of it is judged, and the
   * connection goes to one that was judged: no second lookup can lead elsewhere. Redirects (307, 308) are followed on the
   * same host alone. Throws OutboundError.
   */
  post(call: Call): Promise<Answer>;
}

/** What making calls needs. */
export interface OutboundParts {
  readonly clock: Clock;
  readonly rule: AddressRule;
  /** Every address of a name. Rejects when it has none. */
  readonly resolve: (host: string) => Promise<readonly LookupAddress[]>;
}

const maxRedirects = 3;

export function createOutbound({ clock, rule, resolve }: OutboundParts): Outbound {
  /** The address to connect to. */
  async function judged(url: URL): Promise<LookupAddress> {
    const host = url.hostname.replace(/^\[|\]$/g, "");
    if (!rule.allowsHost(host))
      throw new OutboundError("REFUSED", `the host ${host} is not among those that may be called`);
    // Node takes it for none, and calls the port of the protocol.
    if (url.port === "0") throw new OutboundError("REFUSED", "port 0 is none that can be called");
    const family = isIP(host);
    const found =
      family > 0
        ? [{ address: host, family }]
        : await resolve(host).catch(() => {
            throw new OutboundError("FAILED", `the name ${host} cannot be resolved`);
          });
    const [first] = found;
    if (!first) throw new OutboundError("FAILED", `the name ${host} has no address`);
    const refused = found.find(({ address }) => !rule.allows(address));
    if (refused) {
      const what = family > 0 ? refused.address : `${host} (${refused.address})`;
      throw new OutboundError("REFUSED", `${what} is not an address of the public internet, and is not allowed`);
    }
    return first;
  }

  async function once(call: Call, url: URL, signal: AbortSignal): Promise<Answer> {
    const { address, family } = await judged(url);
    const started = clock.monotonic();
    const { response, request } = await open(call, url, { address, family }, signal);
    const { body, truncated } = await readBody(response, call.maxBytes).finally(() => request.destroy());
    return {
      status: response.statusCode ?? 0,
      headers: headersOf(response),
      ...{ body, truncated, address, durationMs: clock.monotonic() - started },
    };
  }

  async function follow(call: Call, signal: AbortSignal): Promise<Answer> {
    let url = new URL(call.url);
    for (let redirects = 0; ; redirects++) {
      const answer = await once(call, url, signal);
      const { location } = answer.headers;
      if (answer.status < 300 || answer.status > 399 || location === undefined) return answer;
      const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
      if (next?.host !== url.host || next.protocol !== url.protocol) {
        throw new OutboundError("REFUSED", `a redirect to another host is not followed: ${location.slice(0, 256)}`);
      }
      if ((answer.status !== 307 && answer.status !== 308) || redirects === maxRedirects) return answer;
      url = next;
    }
  }

  return {
    async post(call) {
      const stop = new AbortController();
      const ended = (): void => stop.abort(new OutboundError("FAILED", "the call was stopped"));
      const late = new OutboundError("FAILED", `no answer within ${call.timeoutMs / 1_000} s`);
      const cancel = clock.timer(call.timeoutMs, () => stop.abort(late));
      // Not everything that is waited for can be broken off, such as the look for a name.
      const stopped = new Promise<never>((_resolve, reject) => {
        stop.signal.addEventListener("abort", () => reject(stop.signal.reason as Error), { once: true });
      });
      if (call.signal?.aborted) ended();
      else call.signal?.addEventListener("abort", ended, { once: true });
      try {
        return await Promise.race([follow(call, stop.signal), stopped]);
      } catch (error) {
        if (error instanceof OutboundError) throw error;
        if (stop.signal.aborted) throw stop.signal.reason;
        const { code, message } = error as NodeJS.ErrnoException;
        throw new OutboundError("FAILED", code === undefined ? message : `${message} (${code})`);
      } finally {
        cancel();
        call.signal?.removeEventListener("abort", ended);
      }
    },
  };
}

/** Sends the request over a connection of its own to this one address, and gives the head of the answer. */
function open(
  { body, headers, onSend }: Call,
  url: URL,
  { address, family }: LookupAddress,
  signal: AbortSignal,
): Promise<{ response: IncomingMessage; request: ClientRequest }> {
  return new Promise((resolve, reject) => {
    const bytes = Buffer.from(body);
    const make = url.protocol === "https:" ? httpsRequest : httpRequest;
    const request = make(url.href, {
      method: "POST",
      agent: false,
      signal,
      headers: {
        "content-type": "application/json",
        "user-agent": "pointsman",
        accept: "*/*",
        "accept-encoding": "identity",
        ...headers,
        "content-length": bytes.length,
      },
      lookup: (_host, options, done) => {
        if (options.all === true) done(null, [{ address, family }]);
        else done(null, address, family);
      },
    });
    request.once("response", (response) => resolve({ response, request }));
    request.once("error", reject);
    // Nothing else comes of an answer that asks for another protocol: the connection is closed without an error.
    request.once("close", () => reject(new OutboundError("FAILED", "the connection was closed without an answer")));
    request.once("socket", (socket) => socket.once("connect", () => onSend?.()));
    request.end(bytes);
  });
}

const shownHeaders = 64;

function headersOf({ headers }: IncomingMessage): Readonly<Record<string, string>> {
  const entries = Object.entries(headers).slice(0, shownHeaders);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, (Array.isArray(value) ? value.join(", ") : (value ?? "")).slice(0, 4_096)]),
  );
}
