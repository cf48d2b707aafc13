import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { DeliveryState, WebhookService } from "@pointsman/sdk/v1";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { deliveryId } from "../../src/store/delivery-id.js";
import { startTestApi, type TestApi } from "../support/api-server.js";
import { problemOf } from "./problems.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());
beforeEach(() => api.at.empty());

const client = () => createClient(WebhookService, createConnectTransport({ baseUrl: api.baseUrl, httpVersion: "2" }));
const secret = "canary-2f1c9a-secret";
const url = "https://hook.example/pointsman";

/** What is left of a store in which nothing was done, with its webhooks alone. */
const stored = async (): Promise<string[]> =>
  Object.keys(await api.at.dump()).filter((key) => /webhook|hooks/.test(key));

async function post(method: string, body: object): Promise<{ readonly status: number; readonly text: string }> {
  const response = await fetch(`${api.baseUrl}/pointsman.v1.WebhookService/${method}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: response.status, text: await response.text() };
}

describe("CreateWebhook", () => {
  test("stores a webhook with its defaults, and gives the secret to nobody", async () => {
    const { webhook } = await client().createWebhook({ webhook: { name: "ops", url }, secret });
    expect(webhook).toMatchObject({
      ...{ name: "ops", url, creator: "local", retryFor: { seconds: 259_200n } },
      ...{ filter: { events: [], queues: [], labels: {} }, status: { pending: 0n, dead: 0n, failures: 0 } },
    });
    const answers = [
      await post("ListWebhooks", {}),
      await post("CreateWebhook", { webhook: { name: "ops", url }, secret }),
    ];
    expect(answers[1]).toMatchObject({ status: 409 });
    expect(answers[1]!.text).toContain("WEBHOOK_EXISTS");
    const everything = JSON.stringify([answers, await api.at.dump(), api.log]);
    for (const form of [
      secret,
      Buffer.from(secret).toString("base64").slice(0, 20),
      Buffer.from(secret).toString("hex"),
    ]) {
      expect(everything).not.toContain(form);
    }
  });

  test.each([
    ["no URL", { webhook: { name: "ops" }, secret }, "webhook.url"],
    ["another scheme", { webhook: { name: "ops", url: "ftp://hook.example/" }, secret }, "webhook.url"],
    ["a password in the URL", { webhook: { name: "ops", url: "https://ann:pw@hook.example/" }, secret }, "webhook.url"],
    ["the loopback", { webhook: { name: "ops", url: "http://127.0.0.1:9000/" }, secret }, "webhook.url"],
    ["the loopback in disguise", { webhook: { name: "ops", url: "http://0x7f.1/" }, secret }, "webhook.url"],
    ["metadata of a cloud", { webhook: { name: "ops", url: "http://169.254.169.254/latest" }, secret }, "webhook.url"],
    ["IPv6 of it", { webhook: { name: "ops", url: "http://[::ffff:a9fe:a9fe]/" }, secret }, "webhook.url"],
    ["the house", { webhook: { name: "ops", url: "https://[fd00::1]/" }, secret }, "webhook.url"],
    ["no name", { webhook: { url }, secret }, "webhook.name"],
    [
      "a kind that is none",
      { webhook: { name: "ops", url, filter: { events: ["job.done"] } }, secret },
      "webhook.filter.events[0]",
    ],
    ["a secret that is short", { webhook: { name: "ops", url }, secret: "short" }, "secret"],
    ["a secret that is no base64", { webhook: { name: "ops", url }, secret: "whsec_not-base64-at-all!" }, "secret"],
    ["a minute at least", { webhook: { name: "ops", url, retryFor: "30s" }, secret }, "webhook.retry_for"],
  ])("refuses %s, and stores nothing", async (_what, body, field) => {
    const { status, text } = await post("CreateWebhook", body);
    expect(status).toBe(400);
    expect(text).toContain(JSON.stringify(field).slice(1, -1));
    expect(text).not.toContain(secret);
    expect(await stored()).toEqual([]);
  });

  test("takes a host of the house where that is allowed, and only hosts that are", async () => {
    const { createAddressRule } = await import("../../src/outbound/address-rule.js");
    const addresses = createAddressRule({
      allowAddresses: ["10.1.0.0/16"],
      allowHosts: ["10.1.2.3", "*.ours.example"],
    });
    const own = await startTestApi({ addresses });
    try {
      const hooks = createClient(WebhookService, createConnectTransport({ baseUrl: own.baseUrl, httpVersion: "2" }));
      const create = (name: string, to: string) => hooks.createWebhook({ webhook: { name, url: to }, secret });
      await create("a", "http://10.1.2.3/");
      await create("b", "https://hook.ours.example/");
      expect(await problemOf(create("c", "https://hook.theirs.example/"))).toMatchObject({ fields: ["webhook.url"] });
    } finally {
      await own.close();
    }
  });
});

describe("UpdateWebhook", () => {
  test("changes the fields of the mask alone, all without one, and none that cannot be", async () => {
    const filter = { events: ["job.failed"], labels: { site: "fra" } };
    await client().createWebhook({ webhook: { name: "ops", url, filter, description: "pager" }, secret });
    const paused = await client().updateWebhook({
      webhook: { name: "ops", paused: true },
      updateMask: { paths: ["paused"] },
    });
    expect(paused.webhook).toMatchObject({ url, filter, paused: true, ordered: false, description: "pager" });
    const ordered = { webhook: { name: "ops", ordered: true }, updateMask: { paths: ["ordered"] } };
    expect((await client().updateWebhook(ordered)).webhook).toMatchObject({ url, paused: true, ordered: true });
    expect((await client().updateWebhook({ webhook: { name: "ops", url: `${url}/v2` } })).webhook).toMatchObject({
      ...{ url: `${url}/v2`, paused: false, ordered: false, description: "", retryFor: { seconds: 259_200n } },
      filter: { events: [], labels: {} },
    });
    const before = await api.at.dump();
    for (const [request, problem] of [
      [{ webhook: { name: "ops" }, updateMask: "creator" }, "update_mask.paths[0]"],
      [{ webhook: { name: "ops", url: "http://[::ffff:a9fe:a9fe]/" }, updateMask: "url" }, "webhook.url"],
      [{ webhook: { name: "ops", paused: true } }, "webhook.url"],
      [{ webhook: { name: "ops", retryFor: "30s" }, updateMask: "retryFor" }, "webhook.retry_for"],
      [{ webhook: { name: "nobody", paused: true }, updateMask: "paused" }, "WEBHOOK_NOT_FOUND"],
    ] as const) {
      expect((await post("UpdateWebhook", request)).text).toContain(problem);
    }
    expect(await api.at.dump()).toEqual(before);
  });

  test("a new secret is checked, sealed and given to nobody", async () => {
    await client().createWebhook({ webhook: { name: "ops", url }, secret });
    expect((await post("RotateWebhookSecret", { name: "ops", secret: "short" })).text).toContain('"secret"');
    const next = "canary-77e0d3-secret";
    const { status, text } = await post("RotateWebhookSecret", { name: "ops", secret: next, keepPrevious: "3600s" });
    expect([status, text]).toEqual([200, expect.stringContaining("previousSecretExpireTime")]);
    const seen = JSON.stringify([text, (await post("ListWebhooks", {})).text, await api.at.dump(), api.log]);
    for (const one of [secret, next]) {
      expect(seen).not.toContain(one);
      expect(seen).not.toContain(Buffer.from(one).toString("base64").slice(0, 20));
    }
  });
});

describe("deliveries", () => {
  test("are listed by page and state, and tried again by id or all at once", async () => {
    await client().createWebhook({ webhook: { name: "ops", url }, secret });
    const [{ uid } = { uid: "" }] = await api.store.webhooks.list();
    const [eventMs, deadlineMs] = [Date.now(), Date.now() + 60_000];
    await api.store.webhooks.add(
      ["j1", "j2", "j3"].map((subject) => ({
        ...{ id: deliveryId(uid, "job.failed", subject), uid, kind: "job.failed" as const, subject },
        ...{ eventMs, deadlineMs, body: `{"type":"job.failed"}` },
      })),
    );
    // Which of them come first is up to their ids, and these to the webhook's.
    for (const one of await api.store.webhooks.take([{ uid, room: 3 }], 15_000)) {
      if (one.id === deliveryId(uid, "job.failed", "j3")) continue;
      await api.store.webhooks.settle(one, { kind: "dead", reason: "GONE" }, { durationMs: 3, status: 410 });
    }
    const first = await client().listDeliveries({ webhook: "ops", pageSize: 2 });
    expect(first.deliveries.map(({ subject }) => subject)).toEqual(["j3", "j2"]);
    const { nextPageToken: pageToken } = first;
    const second = await client().listDeliveries({ webhook: "ops", pageSize: 2, pageToken });
    expect(second.deliveries).toMatchObject([
      {
        ...{ webhook: "ops", event: "job.failed", subject: "j1", state: DeliveryState.DEAD, attemptCount: 1 },
        ...{ deadReason: "GONE", attempts: [{ number: 1, status: 410, error: "" }] },
      },
    ]);
    const states = [DeliveryState.PENDING];
    expect((await client().listDeliveries({ webhook: "ops", states })).deliveries).toHaveLength(1);
    expect(await problemOf(client().listDeliveries({ webhook: "ops", states, pageToken }))).toMatchObject({
      reason: "INVALID_PAGE_TOKEN",
    });

    const ids = [second.deliveries[0]!.id, "nobody"];
    expect(await client().redeliver({ webhook: "ops", ids })).toMatchObject({ count: 1, skipped: ["nobody"] });
    expect(await client().redeliver({ webhook: "ops", allDead: true })).toMatchObject({ count: 1, more: false });
    expect((await client().listDeliveries({ webhook: "ops", states })).deliveries).toHaveLength(3);
    expect(await problemOf(client().redeliver({ webhook: "ops" }))).toMatchObject({ code: "InvalidArgument" });
    expect(await problemOf(client().redeliver({ webhook: "none", allDead: true }))).toMatchObject({
      reason: "WEBHOOK_NOT_FOUND",
    });
  });
});
