import { Code, ConnectError } from "@connectrpc/connect";
import type { ErrorReason } from "./error-reasons.js";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import { durationMs } from "./time.js";

/** The Connect code of an error, as it is spelled on the wire. */
export type ErrorCode =
  | "canceled"
  | "unknown"
  | "invalid_argument"
  | "deadline_exceeded"
  | "not_found"
  | "already_exists"
  | "permission_denied"
  | "resource_exhausted"
  | "failed_precondition"
  | "aborted"
  | "out_of_range"
  | "unimplemented"
  | "internal"
  | "unavailable"
  | "data_loss"
  | "unauthenticated";

/** A field of the request that is wrong. */
export interface FieldViolation {
  /** Path of the field, such as "job.commands.commands[0].command". */
  readonly field: string;
  /** What is wrong with it. */
  readonly description: string;
}

/** What an error carries beside its message. */
export interface ErrorFacts {
  readonly code: ErrorCode;
  /** Stable reason; undefined when the error did not come from the service, as with a lost connection. */
  readonly reason?: ErrorReason | (string & {}) | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly fieldViolations?: readonly FieldViolation[] | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

const brand = Symbol.for("@pointsman/sdk/error");

/**
 * Every error that a call ends with. `instanceof` goes by a brand, so that it also holds when an application has
 * loaded two copies of this package.
 */
export class PointsmanError extends Error {
  /** The code by which `instanceof` knows a subclass; undefined here, where any code will do. */
  static readonly code: ErrorCode | undefined = undefined;
  override readonly name: string = "PointsmanError";
  readonly code: ErrorCode;
  /** Stable reason, see `errorReasons`; undefined when the error did not come from the service. */
  readonly reason: ErrorReason | (string & {}) | undefined;
  /** Further facts, by reason. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The fields that are wrong, for INVALID_REQUEST. */
  readonly fieldViolations: readonly FieldViolation[];
  /** Milliseconds after which the service says that trying again makes sense. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, facts: ErrorFacts) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = facts.code;
    this.reason = facts.reason;
    this.metadata = facts.metadata ?? {};
    this.fieldViolations = facts.fieldViolations ?? [];
    this.retryAfterMs = facts.retryAfterMs;
    Object.defineProperty(this, brand, { value: true });
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    if (!Object.hasOwn(this, "code")) return Function.prototype[Symbol.hasInstance].call(this, value);
    if (typeof value !== "object" || value === null || !(brand in value)) return false;
    return this.code === undefined || this.code === (value as { readonly code?: unknown }).code;
  }
}

/** There is no such job, device or credential. */
export class NotFoundError extends PointsmanError {
  static override readonly code = "not_found";
  override readonly name = "NotFoundError";
}

/** The name, the endpoint or the request id is taken. */
export class ConflictError extends PointsmanError {
  static override readonly code = "already_exists";
  override readonly name = "ConflictError";
}

/** The request is wrong; see `fieldViolations`. */
export class InvalidArgumentError extends PointsmanError {
  static override readonly code = "invalid_argument";
  override readonly name = "InvalidArgumentError";
}

/** The key's role may not do this. */
export class PermissionError extends PointsmanError {
  static override readonly code = "permission_denied";
  override readonly name = "PermissionError";
}

/** No API key, or one that is not known. */
export class UnauthenticatedError extends PointsmanError {
  static override readonly code = "unauthenticated";
  override readonly name = "UnauthenticatedError";
}

/** The thing is not in the state that this needs. */
export class PreconditionError extends PointsmanError {
  static override readonly code = "failed_precondition";
  override readonly name = "PreconditionError";
}

/** The service cannot be reached, is stopping, or lost the connection. */
export class UnavailableError extends PointsmanError {
  static override readonly code = "unavailable";
  override readonly name = "UnavailableError";
}

const classes: Partial<Record<ErrorCode, new (message: string, facts: ErrorFacts) => PointsmanError>> = {
  not_found: NotFoundError,
  already_exists: ConflictError,
  invalid_argument: InvalidArgumentError,
  permission_denied: PermissionError,
  unauthenticated: UnauthenticatedError,
  failed_precondition: PreconditionError,
  unavailable: UnavailableError,
};

const codes: Record<Code, ErrorCode> = {
  [Code.Canceled]: "canceled",
  [Code.Unknown]: "unknown",
  [Code.InvalidArgument]: "invalid_argument",
  [Code.DeadlineExceeded]: "deadline_exceeded",
  [Code.NotFound]: "not_found",
  [Code.AlreadyExists]: "already_exists",
  [Code.PermissionDenied]: "permission_denied",
  [Code.ResourceExhausted]: "resource_exhausted",
  [Code.FailedPrecondition]: "failed_precondition",
  [Code.Aborted]: "aborted",
  [Code.OutOfRange]: "out_of_range",
  [Code.Unimplemented]: "unimplemented",
  [Code.Internal]: "internal",
  [Code.Unavailable]: "unavailable",
  [Code.DataLoss]: "data_loss",
  [Code.Unauthenticated]: "unauthenticated",
};

/** Makes the error of the class that belongs to `facts.code`. */
export function createPointsmanError(message: string, facts: ErrorFacts): PointsmanError {
  return new (classes[facts.code] ?? PointsmanError)(message, facts);
}

/**
 * Turns whatever a call threw into a PointsmanError. A connection that broke shows as "canceled" or "aborted" without
 * an ErrorInfo, a server that closes a connection refuses what still comes over it, and one whose certificate will not do
 * is not talked to; unless the caller itself ended the call (`endedByCaller`), it is UnavailableError.
 */
export function toPointsmanError(thrown: unknown, endedByCaller = false): PointsmanError {
  if (thrown instanceof PointsmanError) return thrown;
  const error = ConnectError.from(thrown);
  const info = error.findDetails(ErrorInfoSchema)[0];
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  const broken =
    error.code === Code.Canceled || error.code === Code.Aborted || isRefusedStream(error) || isUntrusted(error);
  const lost = info === undefined && !endedByCaller && broken;
  return createPointsmanError(lost ? `connection lost: ${error.rawMessage}` : error.rawMessage, {
    code: lost ? "unavailable" : codes[error.code],
    reason: info?.reason,
    metadata: info?.metadata,
    fieldViolations: error
      .findDetails(BadRequestSchema)
      .flatMap((detail) => detail.fieldViolations)
      .map(({ field, description }) => ({ field, description })),
    retryAfterMs: delay ? durationMs(delay) : undefined,
    cause: error,
  });
}

/** The server closes the connection, and has not begun this call: Node's own words for it, which have no code of Connect's. */
export function isRefusedStream({ message }: Error): boolean {
  return message.includes("REFUSED_STREAM");
}

/** What the verification of a certificate calls its faults; and a server that answers TLS with something else. */
const untrusted = /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT_|ERR_SSL_WRONG_VERSION_NUMBER$)/;

/** No connection came about: the server's certificate will not do, or it does not speak TLS. */
export function isUntrusted(error: Error): boolean {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (untrusted.test(String((cause as NodeJS.ErrnoException).code))) return true;
  }
  return false;
}
