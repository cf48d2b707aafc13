import { createHmac } from "node:crypto";

/**
 * The headers of a delivery, as Standard Webhooks has them: the id, the time of this attempt in seconds, and the
 * HMAC-SHA256 of "<id>.<time>.<body>" in base64 behind "v1,", for each of the secrets.
 */
export function webhookHeaders(
  secrets: readonly string[],
  delivery: { readonly id: string; readonly body: string },
  nowMs: number,
): Readonly<Record<string, string>> {
  const seconds = String(Math.floor(nowMs / 1_000));
  const signed = `${delivery.id}.${seconds}.${delivery.body}`;
  const signatures = secrets.map((secret) => {
    return `v1,${createHmac("sha256", webhookKey(secret)).update(signed).digest("base64")}`;
  });
  return {
    "webhook-id": delivery.id,
    "webhook-timestamp": seconds,
    "webhook-signature": signatures.join(" "),
    "idempotency-key": delivery.id,
  };
}

/** What a secret stands for: the bytes that are base64 behind "whsec_", or its own characters. */
export function webhookKey(secret: string): Buffer {
  const prefix = "whsec_";
  return secret.startsWith(prefix) ? Buffer.from(secret.slice(prefix.length), "base64") : Buffer.from(secret, "utf8");
}

/** What is wrong with a secret, as the rest of a sentence; undefined when it is one. */
export function webhookSecretProblem(secret: string): string | undefined {
  if (!secret.startsWith("whsec_")) return undefined;
  const text = secret.slice("whsec_".length);
  const bytes = webhookKey(secret).length;
  const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/.test(text) && text.length % 4 === 0;
  return isBase64 && bytes >= 16 && bytes <= 64 ? undefined : 'must have 16 to 64 bytes in base64 behind "whsec_"';
}
