import type { Authentication } from "./authentication.js";
import { DeviceError } from "./device-error.js";
import type { Hop } from "./endpoint.js";
import type { HostKey, HostKeyVerdict } from "./host-key.js";
import { offeredBy } from "./kex-offer.js";

/** How far a connection had come. */
export type ConnectPhase = "socket" | "identification" | "key exchange" | "authentication";

/** What is known when a connection fails before it is ready. */
export interface ConnectState {
  readonly endpoint: Hop;
  readonly phase: ConnectPhase;
  readonly cause: (Error & { readonly level?: string; readonly code?: string | number }) | undefined;
  readonly verdict: HostKeyVerdict | undefined;
  readonly hostKey: HostKey | undefined;
  /** What the device sent before and with its SSH identification. */
  readonly preamble: string;
  /** The banner sent before the login. */
  readonly banner: string;
  readonly authentication: Authentication;
  /** The first packet behind the identification, as far as it came. */
  readonly firstPacket: Buffer;
}

/** Codes of SSH_MSG_DISCONNECT (RFC 4253, 11.1) that tell more than that it happened. */
const keyExchangeFailed = 3;
const tooManyConnections = 12;
const busyWords = /too many|exceeded|limit|maximum|MaxStartups|busy|no more sessions/i;
/** What devices say in place of their SSH identification when they take no connection, now or from here. */
const turnedAwayWords =
  /too many|exceeded|limit|maximum|MaxStartups|busy|no more|not allowed|denied|refused|reject|in use|try again|unavailable/i;

/** Names the cause of a failed connection. */
export function connectFailure(state: ConnectState): DeviceError {
  const { endpoint, phase, cause, verdict, hostKey, preamble, authentication } = state;
  const where = `${endpoint.address}:${endpoint.port}`;
  if (hostKey && (verdict === "unknown" || verdict === "changed")) {
    return verdict === "unknown"
      ? new DeviceError("HOST_KEY_UNKNOWN", `${where} shows a host key that nobody accepted: ${hostKey.fingerprint}`, {
          hostKey,
        })
      : new DeviceError("HOST_KEY_CHANGED", `${where} shows another host key than before: ${hostKey.fingerprint}`, {
          hostKey,
        });
  }
  if (cause instanceof DeviceError) return cause;
  if (cause?.level === "client-socket" && phase === "socket") return socketFailure(where, cause);
  if (cause?.level === "client-timeout")
    return new DeviceError("DEVICE_UNREACHABLE", `no answer from ${where} in time`, { cause });
  if (cause?.code === tooManyConnections || (phase !== "authentication" && isTurnedAway(cause))) {
    return new DeviceError("CONNECT_RATE_LIMITED", `${where} takes no more connections now`, {
      cause,
      deviceMessage: cause?.message,
    });
  }
  if (phase === "socket" || phase === "identification") {
    const words = readable(preamble);
    if (words && !turnedAwayWords.test(words)) {
      return new DeviceError("DEVICE_UNREACHABLE", `what answers at ${where} does not speak SSH`, {
        cause,
        deviceMessage: words,
      });
    }
    return new DeviceError("CONNECT_RATE_LIMITED", `${where} hung up before it said who it is`, {
      cause,
      ...(words ? { deviceMessage: words } : {}),
    });
  }
  if (phase === "key exchange") {
    const mismatch = cause?.code === keyExchangeFailed || cause?.level === "handshake";
    return mismatch
      ? new DeviceError("KEX_MISMATCH", `no common way to encrypt with ${where}: ${cause?.message ?? ""}`, {
          cause,
          deviceMessage: offeredBy(state.firstPacket),
        })
      : new DeviceError("DISCONNECTED", `${where} hung up during the key exchange`, { cause });
  }
  return authenticationFailure(where, state, authentication);
}

/** Whether the device itself, by its goodbye, says that it takes no more; errors of our own side have no number. */
function isTurnedAway(cause: ConnectState["cause"]): boolean {
  return typeof cause?.code === "number" && busyWords.test(cause.message);
}

/** What a peer said before its SSH identification, without what is no text; empty when it said nothing. */
export function readable(said: string): string {
  return said
    .replace(/[^\x20-\x7e\n]/g, "")
    .trim()
    .slice(0, 512);
}

function socketFailure(where: string, cause: Error & { readonly code?: string | number }): DeviceError {
  if (cause.code === "ECONNREFUSED")
    return new DeviceError("CONNECTION_REFUSED", `${where} refused the connection`, { cause });
  if (cause.code === "ECONNRESET") {
    return new DeviceError("CONNECT_RATE_LIMITED", `${where} hung up before it said who it is`, { cause });
  }
  return new DeviceError("DEVICE_UNREACHABLE", `${where} cannot be reached (${cause.code ?? cause.message})`, {
    cause,
  });
}

function authenticationFailure(where: string, state: ConnectState, authentication: Authentication): DeviceError {
  const { cause, banner } = state;
  const details = {
    cause,
    credentialOffered: authentication.offered,
    ...(banner.trim() ? { deviceMessage: banner.trim() } : {}),
  };
  const hungUp = cause === undefined || cause.level === "client-socket";
  if (hungUp && !authentication.offered && !authentication.refusal.startsWith("the device asked")) {
    return new DeviceError("DISCONNECTED", `${where} hung up before the login`, details);
  }
  return new DeviceError("AUTHENTICATION_FAILED", `login to ${where} failed: ${authentication.refusal}`, details);
}
