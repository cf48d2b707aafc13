import { create, toBinary, toJsonString } from "@bufbuild/protobuf";
import { durationFromMs, durationMs, ValueSchema } from "@bufbuild/protobuf/wkt";
import { type HttpOperation, JobResultSchema } from "@pointsman/sdk/v1";
import { createRedactor, type Redactor } from "../device/index.js";
import type { Clock } from "../domain/clock.js";
import { type Answer, type Outbound, OutboundError } from "../outbound/outbound.js";
import { signatureHeader, signBody } from "../outbound/signature.js";
import { retryAfterMs } from "../outbound/retry-after.js";
import type { Executed, WorkContext } from "./attempt-context.js";
import { AttemptError } from "./failure.js";

const passingStatuses = [408, 425, 429, 500, 502, 503, 504];
const bodyBytes = 1024 * 1024;
const defaultTimeoutMs = 30_000;

/** Calls a URL and reports the answer. `secrets`: what was sealed apart from the job. */
export async function runHttp(
  context: WorkContext,
  operation: HttpOperation,
  { outbound, clock, secrets, outputBytes }: HttpParts,
): Promise<Executed> {
  const body = operation.payload ? toJsonString(ValueSchema, operation.payload) : "null";
  const steps = { steps: 1, changed: true };
  // Whoever is called may say it again.
  const redactor = createRedactor([], secretsOf(secrets));
  let sent = 0;
  try {
    if (context.signal.aborted) throw new AttemptError("CANCELLED", "stopped before it was sent");
    context.beforeWrite();
    const answer = await outbound.post({
      url: operation.url,
      body,
      headers: headersOf(operation, secrets, context.job.id, body, clock.now()),
      timeoutMs: operation.timeout ? durationMs(operation.timeout) : defaultTimeoutMs,
      maxBytes: Math.min(bodyBytes, outputBytes),
      // Whoever stops changes lets a call that is under way be answered.
      signal: context.urgentSignal,
      onSend: () => {
        sent = 1;
        context.writer.intended(1);
      },
    });
    context.writer.confirmed(1);
    const text = redactor.redact(new TextDecoder().decode(answer.body));
    await context.writer.output(1, text);
    const result = resultOf(answer, Buffer.byteLength(text), redactor);
    const done = { result, confirmedStep: 1, intendedStep: 1, ...steps };
    const error = failureOf(answer, operation, clock.now());
    return error ? { ...done, error } : done;
  } catch (cause) {
    const result = toBinary(JobResultSchema, create(JobResultSchema, { result: { case: "http", value: {} } }));
    const done = { result, confirmedStep: 0, intendedStep: sent, ...steps };
    if (!(cause instanceof OutboundError)) return { ...done, error: cause };
    const reason = cause.kind === "REFUSED" ? "ADDRESS_REFUSED" : "CALLBACK_FAILED";
    return { ...done, error: new AttemptError(reason, redactor.redact(cause.message)) };
  }
}

interface HttpParts {
  readonly outbound: Outbound;
  readonly clock: Clock;
  readonly secrets: HttpOperation | undefined;
  readonly outputBytes: number;
}

/** What we say of the call ourselves comes last: nobody else's header stands in its place. */
function headersOf(
  { headers, signed }: HttpOperation,
  secrets: HttpOperation | undefined,
  id: string,
  body: string,
  nowMs: number,
): Readonly<Record<string, string>> {
  const given = Object.entries({ ...headers, ...secrets?.secretHeaders }).map(([name, value]) => [
    name.toLowerCase(),
    value,
  ]);
  return {
    ...(Object.fromEntries(given) as Record<string, string>),
    "idempotency-key": id,
    "pointsman-job": id,
    ...(signed && secrets ? { [signatureHeader]: signBody(secrets.signingSecret, body, nowMs) } : {}),
  };
}

function failureOf({ status, headers }: Answer, { retryStatuses }: HttpOperation, nowMs: number) {
  if (status >= 200 && status < 300) return undefined;
  const retried = retryStatuses.length > 0 ? retryStatuses : passingStatuses;
  const after = retryAfterMs(headers["retry-after"], nowMs);
  return new AttemptError(
    "CALLBACK_FAILED",
    `the URL answered with status ${status}`,
    { status: String(status) },
    undefined,
    {
      final: !retried.includes(status),
      ...(after === undefined ? {} : { notBeforeMs: after }),
    },
  );
}

/** The secrets of a call, as they may stand in an answer; of "Bearer TOKEN" the token by itself as well. */
function secretsOf(secrets: HttpOperation | undefined): readonly string[] {
  if (!secrets) return [];
  const values = Object.values(secrets.secretHeaders);
  return [...values, ...values.map((value) => value.replace(/^\S+\s+/, "")), secrets.signingSecret];
}

function resultOf(
  { status, headers, truncated, address, durationMs: took }: Answer,
  length: number,
  redactor: Redactor,
): Uint8Array {
  const shown = Object.entries(headers).map(([name, value]) => [name, redactor.redact(value)] as const);
  const value = {
    ...{ status, headers: Object.fromEntries(shown), address, bodyBytes: length, bodyTruncated: truncated },
    duration: durationFromMs(Math.round(took)),
  };
  return toBinary(JobResultSchema, create(JobResultSchema, { result: { case: "http", value } }));
}
