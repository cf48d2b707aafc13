import { createHmac } from "node:crypto";
import { verifyWebhook, WebhookVerificationError } from "@pointsman/sdk";
import { describe, expect, test } from "vitest";
import { webhookHeaders, webhookSecretProblem } from "../../src/outbound/webhook-signature.js";

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const now = 1_614_265_330_000;
const body = '{"type":"job.failed","timestamp":"2021-02-25T15:02:10.000Z","data":{"job":{"id":"j1"}}}';
const signed = () => webhookHeaders([secret], { id: "msg_1", body }, now);

describe("a signature", () => {
  test("is that of Standard Webhooks' published example", () => {
    const example = { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", body: '{"test": 2432232314}' };
    expect(webhookHeaders([secret], example, now)).toMatchObject({
      "webhook-id": example.id,
      "webhook-timestamp": "1614265330",
      "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    });
  });

  test("of a secret without the prefix is made with its characters", () => {
    const hmac = createHmac("sha256", "sixteen characters").update("msg_1.1.b").digest("base64");
    expect(webhookHeaders(["sixteen characters"], { id: "msg_1", body: "b" }, 1_000)).toMatchObject({
      "webhook-signature": `v1,${hmac}`,
    });
  });

  test("needs a secret that is one", () => {
    expect(webhookSecretProblem(secret)).toBeUndefined();
    expect(webhookSecretProblem("any sixteen characters")).toBeUndefined();
    expect(webhookSecretProblem("whsec_c2hvcnQ=")).toMatch(/16 to 64 bytes/);
    expect(webhookSecretProblem("whsec_this is no base64!")).toMatch(/base64/);
  });
});

describe("verifyWebhook", () => {
  test("reads a delivery, whatever holds its headers", () => {
    const event = {
      id: "msg_1",
      type: "job.failed",
      time: new Date("2021-02-25T15:02:10.000Z"),
      data: { job: { id: "j1" } },
    };
    expect(verifyWebhook(body, signed(), { secret, now })).toEqual(event);
    expect(verifyWebhook(Buffer.from(body), new Headers(signed()), { secret, now })).toEqual(event);
    const express = Object.fromEntries(Object.entries(signed()).map(([name, value]) => [name.toUpperCase(), value]));
    expect(verifyWebhook(body, express, { secret, now: now + 299_000 })).toEqual(event);
  });

  test("allows nothing by a tolerance that is no number, such as that of a variable that is not set", () => {
    const check = () => verifyWebhook(body, signed(), { secret, now, toleranceSeconds: Number(undefined) });
    expect(check).toThrow(WebhookVerificationError);
  });

  test("takes one of several secrets and of several signatures, so that a secret can be changed", () => {
    const other = "another-secret-of-ours";
    expect(verifyWebhook(body, signed(), { secret: [other, secret], now }).id).toBe("msg_1");
    const two = { ...signed(), "webhook-signature": `v1,AAAA ${signed()["webhook-signature"]}` };
    expect(verifyWebhook(body, two, { secret, now }).id).toBe("msg_1");
  });

  test.each([[""], ["whsec_"], [[secret, ""]]])(
    "needs a secret, not %j: anybody can sign with an empty one",
    (empty) => {
      const forged = createHmac("sha256", "")
        .update(`msg_1.${now / 1_000}.${body}`)
        .digest("base64");
      const headers = { ...signed(), "webhook-signature": `v1,${forged}` };
      expect(() => verifyWebhook(body, headers, { secret: empty, now })).toThrow(TypeError);
    },
  );

  test.each([
    ["another body", body.replace("failed", "passed"), {}],
    ["another id", body, { "webhook-id": "msg_2" }],
    ["another time", body, { "webhook-timestamp": "1614265331" }],
    ["a time that is none", body, { "webhook-timestamp": "soon" }],
    ["another signature", body, { "webhook-signature": "v1,AAAA" }],
    ["a signature of another kind", body, { "webhook-signature": "v0,AAAA" }],
    ["no signature", body, { "webhook-signature": undefined }],
  ])("refuses %s", (_what, text, headers) => {
    expect(() => verifyWebhook(text, { ...signed(), ...headers }, { secret, now })).toThrow(WebhookVerificationError);
  });

  test("refuses another secret, and what was recorded too long ago", () => {
    expect(() => verifyWebhook(body, signed(), { secret: "another-secret-of-ours", now })).toThrow(/does not fit/);
    expect(() => verifyWebhook(body, signed(), { secret, now: now + 301_000 })).toThrow(/too far/);
    expect(verifyWebhook(body, signed(), { secret, now: now + 301_000, toleranceSeconds: 600 }).id).toBe("msg_1");
  });
});
