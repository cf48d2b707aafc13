import { DeviceError } from "../device/index.js";
import type { Failure } from "../domain/job.js";

/** Failures of the way to a device's prompt: they say something about the device, not about the work. */
const reach = new Set([
  "DEVICE_UNREACHABLE",
  "CONNECTION_REFUSED",
  "CONNECT_RATE_LIMITED",
  "KEX_MISMATCH",
  "HOST_KEY_UNKNOWN",
  "HOST_KEY_CHANGED",
  "AUTHENTICATION_FAILED",
  "PRIVILEGE_DENIED",
  "PROMPT_NOT_FOUND",
  "SESSION_LIMIT",
  "FORWARDING_REFUSED",
  "CREDENTIAL_UNAVAILABLE",
]);

/** Whether a failure is shown on the device. */
export function concernsDevice(failure: Failure): boolean {
  return reach.has(failure.reason);
}

/** An attempt that cannot go on, for a reason of the error registry that is not the device's. */
export class AttemptError extends Error {
  override readonly name = "AttemptError";
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** The device's own words, redacted. */
  readonly deviceMessage: string | undefined;
  /** What it says of another attempt: that none can help, or not before some milliseconds. */
  readonly again: Again;
  constructor(
    reason: string,
    message: string,
    metadata: Readonly<Record<string, string>> = {},
    deviceMessage?: string,
    again: Again = {},
  ) {
    super(message);
    this.reason = reason;
    this.metadata = metadata;
    this.deviceMessage = deviceMessage;
    this.again = again;
  }
}

/** What a failure says of another attempt. */
export interface Again {
  /** None can help, whatever the reason. */
  readonly final?: boolean;
  readonly notBeforeMs?: number;
}

/** What a job says of an error. Undefined for errors that are ours to mend, not the caller's to read. */
export function failureOf(error: unknown): Failure | undefined {
  if (error instanceof AttemptError) {
    const { reason, message, metadata, deviceMessage } = error;
    const failure = deviceMessage === undefined ? { reason, message } : { reason, message, deviceMessage };
    return { ...failure, ...(Object.keys(metadata).length > 0 ? { metadata } : {}) };
  }
  if (!(error instanceof DeviceError)) return undefined;
  const { reason, message, deviceMessage, tail, expected, mode, hostKey, hop } = error;
  const metadata = {
    ...(hop === undefined ? {} : { hop }),
    ...(hostKey === undefined
      ? {}
      : { host_key_type: hostKey.type, fingerprint: hostKey.fingerprint, host_key: hostKey.line }),
  };
  return {
    reason,
    message,
    ...(deviceMessage === undefined ? {} : { deviceMessage }),
    ...(tail === undefined ? {} : { tail }),
    ...(expected === undefined ? {} : { expected }),
    ...(mode === undefined ? {} : { mode }),
    ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
  };
}
