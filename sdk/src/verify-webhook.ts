import { createHmac, timingSafeEqual } from "node:crypto";

/** How a delivery is checked. */
export interface VerifyWebhookOptions {
  /** The webhook's secret. Several while it is changed: one of them must fit. */
  readonly secret: string | readonly string[];
  /** How far the time of the attempt may be from now, in seconds. Default 300. */
  readonly toleranceSeconds?: number | undefined;
  /** Milliseconds since the epoch. Default: the clock's. */
  readonly now?: number | undefined;
}

/** A delivery whose signature was checked. */
export interface WebhookEvent {
  /** The same in every attempt: whoever has seen it need not act again. */
  readonly id: string;
  /** Kind of the event, such as "job.failed". */
  readonly type: string;
  /** When it happened. */
  readonly time: Date;
  /** What it is about: `job`, `run` or `device`, as docs/webhooks.md describes them. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** A request that is not a delivery of ours, or not a recent one. Answer it with status 400 or 401, and do nothing. */
export class WebhookVerificationError extends Error {
  override readonly name = "WebhookVerificationError";
}

/** Header fields as Node, Express, Fastify or a fetch Request hold them. */
type WebhookHeaders =
  Readonly<Record<string, string | readonly string[] | undefined>> | { readonly get: (name: string) => string | null };

/**
 * Checks a delivery and reads it. `body` is the body as it came, not parsed and written again. Throws
 * WebhookVerificationError, and TypeError for a secret that is empty.
 */
export function verifyWebhook(
  body: string | Uint8Array,
  headers: WebhookHeaders,
  { secret, toleranceSeconds = 300, now = Date.now() }: VerifyWebhookOptions,
): WebhookEvent {
  const text = typeof body === "string" ? body : new TextDecoder().decode(body);
  const id = headerOf(headers, "webhook-id");
  const timestamp = headerOf(headers, "webhook-timestamp");
  const given = headerOf(headers, "webhook-signature").split(" ");
  if (!/^\d{1,12}$/.test(timestamp)) throw new WebhookVerificationError("webhook-timestamp is no time");
  // Asked so that a tolerance which is no number, such as that of a variable which is not set, allows nothing.
  if (!(Math.abs(now / 1_000 - Number(timestamp)) <= toleranceSeconds)) {
    throw new WebhookVerificationError("webhook-timestamp is too far from now: it may be a recorded request");
  }
  const keys = (typeof secret === "string" ? [secret] : secret).map(keyOf);
  // Anybody can sign with an empty one, such as that of a variable which is not set.
  if (keys.some((key) => key.length === 0)) throw new TypeError("the secret of the webhook is empty");
  const right = keys.map((key) => {
    const hmac = createHmac("sha256", key).update(`${id}.${timestamp}.${text}`);
    return Buffer.from(`v1,${hmac.digest("base64")}`);
  });
  const fits = given.map((one) => Buffer.from(one)).some((one) => right.some((other) => isSame(one, other)));
  if (!fits) throw new WebhookVerificationError("webhook-signature does not fit the secret and the body");
  return readEvent(id, text);
}

function isSame(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

function keyOf(secret: string): Buffer {
  const prefix = "whsec_";
  return secret.startsWith(prefix) ? Buffer.from(secret.slice(prefix.length), "base64") : Buffer.from(secret, "utf8");
}

function headerOf(headers: WebhookHeaders, name: string): string {
  const found =
    typeof headers.get === "function"
      ? headers.get(name)
      : Object.entries(headers as Readonly<Record<string, unknown>>).find(([key]) => key.toLowerCase() === name)?.[1];
  if (typeof found !== "string" || found === "") throw new WebhookVerificationError(`the header ${name} is missing`);
  return found;
}

function readEvent(id: string, text: string): WebhookEvent {
  const event = JSON.parse(text) as { type: string; timestamp: string; data: Record<string, unknown> };
  return { id, type: event.type, time: new Date(event.timestamp), data: event.data };
}
