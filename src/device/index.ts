/** The device engine: SSH transport, screen, platforms, sessions and their pool. Knows nothing of jobs or of Redis. */
export type { CryptoProfile } from "./algorithms.js";
export { DeviceError, deviceErrorReasons } from "./device-error.js";
export type { DeviceErrorDetails, DeviceErrorReason } from "./device-error.js";
export type { Account, Endpoint, HostKeyPolicy } from "./endpoint.js";
export type { HostKey } from "./host-key.js";
export type { Platform } from "./platform.js";
export type { CheckoutOptions, SessionPool } from "./pool.js";
export type { Answer, CommandOutcome, CommandRequest, ModeOptions, Session } from "./session.js";
export type { Transcript } from "./transcript.js";
