import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { codeFromString } from "@connectrpc/connect/protocol-connect";
import { type ErrorReason, errorReasons } from "@pointsman/sdk";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "@pointsman/sdk/v1";
import { StoreError } from "./store/store.js";

/** What is wrong with one field. `field` is its path in proto spelling, such as `job.commands.commands[0].command`. */
export interface FieldProblem {
  readonly field: string;
  readonly description: string;
}

/** What an error says besides its reason and message. */
export interface ProblemDetails {
  /** Becomes google.rpc.BadRequest. */
  readonly fields?: readonly FieldProblem[];
  /** Goes into google.rpc.ErrorInfo. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Becomes google.rpc.RetryInfo. Milliseconds. */
  readonly retryAfterMs?: number;
}

/** How long a caller should leave the store alone before it tries again. */
const storeRetryMs = 1_000;
const storePausesMs: { readonly [Reason in StoreError["reason"]]?: number } = {
  STORE_RECONCILING: 2_000,
  STORE_FULL: 10_000,
};

/** An error for a caller: the code of its reason, google.rpc.ErrorInfo of domain "pointsman", and what else is known. */
export function problem(reason: ErrorReason, message: string, details: ProblemDetails = {}): ConnectError {
  const { fields = [], metadata = {}, retryAfterMs } = details;
  const error = new ConnectError(message, codeFromString(errorReasons[reason].code) ?? Code.Internal);
  error.details.push({
    desc: ErrorInfoSchema,
    value: create(ErrorInfoSchema, { reason, domain: "pointsman", metadata }),
  });
  if (fields.length > 0) {
    const fieldViolations = fields.map(({ field, description }) => ({ field, description }));
    error.details.push({ desc: BadRequestSchema, value: create(BadRequestSchema, { fieldViolations }) });
  }
  if (retryAfterMs !== undefined) {
    const retryDelay = durationFromMs(retryAfterMs);
    error.details.push({ desc: RetryInfoSchema, value: create(RetryInfoSchema, { retryDelay }) });
  }
  return error;
}

/**
 * What an error says of fields is bounded: gRPC carries it in metadata, of which common clients take 16 KiB in all, and
 * a long list of bad values is one mistake, not thousands.
 */
const namedFields = 16;
const fieldCharacters = 128;
const descriptionCharacters = 256;

/** INVALID_REQUEST for fields that are wrong, all at once; the first 16 by name. */
export function invalidRequest(...fields: readonly FieldProblem[]): ConnectError {
  return invalidFields(fields);
}

/** The same for any number of fields. */
export function invalidFields(all: readonly FieldProblem[]): ConnectError {
  const fields = all.slice(0, namedFields).map(({ field, description }) => ({
    field: shortened(field, fieldCharacters),
    description: shortened(description, descriptionCharacters),
  }));
  const shown = fields.slice(0, 3).map(({ field, description }) => (field ? `${field}: ${description}` : description));
  const more = all.length > shown.length ? `; and ${all.length - shown.length} more` : "";
  return problem("INVALID_REQUEST", shown.join("; ") + more, { fields });
}

function shortened(text: string, most: number): string {
  if (text.length <= most) return text;
  const whole = text.slice(0, most - 1).replace(/[\uD800-\uDBFF]$/, "");
  return `${whole}…`;
}

/** The reason an error carries; undefined for errors that are not ours. */
export function reasonOf(error: ConnectError): string | undefined {
  return error.findDetails(ErrorInfoSchema)[0]?.reason;
}

const networkCodes = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ENOENT",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENOTFOUND",
]);
const storeMessages =
  /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|OOM|MISCONF|NOREPLICAS|BUSY) |^Connection is closed|^Command timed out|max retries per request|Stream isn't writeable/;

function isStoreConnection(error: Error): boolean {
  if (error instanceof AggregateError)
    return error.errors.some((one) => one instanceof Error && isStoreConnection(one));
  if ("syscall" in error && "code" in error && typeof error.code === "string") return networkCodes.has(error.code);
  return storeMessages.test(error.message) || error.name === "MaxRetriesPerRequestError";
}

/** That Redis cannot be reached. The text of its own error stays in the log: it can name hosts. */
export function storeUnavailable(): ConnectError {
  return problem("STORE_UNAVAILABLE", "the store cannot be reached or does not answer in time", {
    retryAfterMs: storeRetryMs,
  });
}

/**
 * The error a caller gets for whatever was thrown. Connect errors pass (those made by {@link problem}, and those of the
 * framework, which are explained where the call is known); the store's get their reason; anything else is INTERNAL and
 * handed to `unexpected` once, so that the log has what the caller must not see.
 */
export function toProblem(
  thrown: unknown,
  call: { readonly requestId: string; readonly unexpected: (error: unknown) => void },
): ConnectError {
  if (thrown instanceof ConnectError) {
    if (reasonOf(thrown) !== undefined) return thrown;
    if (thrown.code === Code.DeadlineExceeded) return problem("DEADLINE_EXCEEDED", "the caller's deadline passed");
    if (thrown.code === Code.Canceled || thrown.code === Code.Aborted) return cancelled();
    return thrown;
  }
  if (thrown instanceof StoreError) {
    if (thrown.reason === "STORE_UNAVAILABLE") return storeUnavailable();
    const retryAfterMs = storePausesMs[thrown.reason];
    if (retryAfterMs !== undefined) {
      return problem(thrown.reason, thrown.message, { metadata: thrown.metadata, retryAfterMs });
    }
    return problem(thrown.reason, thrown.message, { metadata: thrown.metadata });
  }
  if (thrown instanceof Error && thrown.name === "AbortError") return cancelled();
  if (thrown instanceof Error && isStoreConnection(thrown)) return storeUnavailable();
  call.unexpected(thrown);
  return problem("INTERNAL", `internal error (request ${call.requestId})`, {
    metadata: { request_id: call.requestId },
  });
}

function cancelled(): ConnectError {
  return problem("CALL_CANCELLED", "the caller went away");
}
