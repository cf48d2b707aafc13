import type { HostKey } from "./host-key.js";

/** Everything that can go wrong between us and a device, by its cause. The same words appear in the error registry. */
export const deviceErrorReasons = [
  "DEVICE_UNREACHABLE",
  "CONNECTION_REFUSED",
  "CONNECT_RATE_LIMITED",
  "KEX_MISMATCH",
  "HOST_KEY_UNKNOWN",
  "HOST_KEY_CHANGED",
  "AUTHENTICATION_FAILED",
  "PRIVILEGE_DENIED",
  "PROMPT_NOT_FOUND",
  "UNEXPECTED_QUESTION",
  "OUTPUT_TIMEOUT",
  "EXECUTION_TIMEOUT",
  "OUTPUT_TOO_LARGE",
  "DISCONNECTED",
  "SESSION_LIMIT",
  "FORWARDING_REFUSED",
  "UNSUPPORTED_BY_PLATFORM",
  "CANCELLED",
] as const;

export type DeviceErrorReason = (typeof deviceErrorReasons)[number];

/** What a {@link DeviceError} can carry beside its reason; every text is redacted before it gets here. */
export interface DeviceErrorDetails {
  /** The device's own words: a banner, a refusal, the question it asked. */
  readonly deviceMessage?: string | undefined;
  /** The last 4 KiB received, cleaned. */
  readonly tail?: string | undefined;
  /** What the engine was waiting for. */
  readonly expected?: string | undefined;
  /** The mode the session was in. */
  readonly mode?: string | undefined;
  /** The key the device showed, for HOST_KEY_UNKNOWN and HOST_KEY_CHANGED. */
  readonly hostKey?: HostKey | undefined;
  /** The bastion at which it happened, as `address:port`. Unset: the device. */
  readonly hop?: string | undefined;
  /** True when that bastion answered, and it was the next host that it did not get to. Default false. */
  readonly behindHop?: boolean | undefined;
  /** True when the password or a key signature had already been offered to the device. Default false. */
  readonly credentialOffered?: boolean | undefined;
  /** True when a limit of ours kept it from being tried: nobody was asked. Default false. */
  readonly untried?: boolean | undefined;
  readonly cause?: unknown;
}

/**
 * The one error of the device engine. Output that came before it has already been handed to `onOutput`. Whether the
 * session survived is for the pool to judge: `checkin` closes a session whose state is in doubt.
 */
export class DeviceError extends Error {
  override readonly name = "DeviceError";
  readonly reason: DeviceErrorReason;
  readonly deviceMessage: string | undefined;
  readonly tail: string | undefined;
  readonly expected: string | undefined;
  readonly mode: string | undefined;
  readonly hostKey: HostKey | undefined;
  readonly hop: string | undefined;
  readonly behindHop: boolean;
  readonly credentialOffered: boolean;
  readonly untried: boolean;

  constructor(reason: DeviceErrorReason, message: string, details: DeviceErrorDetails = {}) {
    super(message, details.cause === undefined ? {} : { cause: details.cause });
    this.reason = reason;
    this.deviceMessage = details.deviceMessage;
    this.tail = details.tail;
    this.expected = details.expected;
    this.mode = details.mode;
    this.hostKey = details.hostKey;
    this.hop = details.hop;
    this.behindHop = details.behindHop ?? false;
    this.credentialOffered = details.credentialOffered ?? false;
    this.untried = details.untried ?? false;
  }
}
