import { Counter, Gauge, type Registry } from "prom-client";
import type { WebhookStore } from "../store/store.js";
import { metricPrefix } from "./registry.js";

/** A store of webhooks that counts what comes of attempts here, and shows how deliveries stand at a scrape. */
export function measureWebhooks(webhooks: WebhookStore, registry: Registry): WebhookStore {
  const registers = [registry];
  const attempts = new Counter({
    name: `${metricPrefix}webhook_attempts_total`,
    help: "Attempts to deliver to webhooks from here, by what came of them: delivered, retry, dead.",
    labelNames: ["outcome"],
    registers,
  });
  new Gauge({
    name: `${metricPrefix}webhook_deliveries`,
    help: "Deliveries to webhooks that are kept, by state: pending, delivered, dead.",
    labelNames: ["state"],
    registers,
    async collect() {
      this.reset();
      // A store that cannot be asked is told of elsewhere; a scrape shows the rest.
      const standing = await statusOf(webhooks).catch(() => []);
      for (const state of ["pending", "delivered", "dead"] as const) {
        if (standing.length > 0) {
          this.set(
            { state },
            standing.reduce((sum, one) => sum + one[state], 0),
          );
        }
      }
    },
  });
  return {
    ...webhooks,
    async settle(delivery, next, attempt) {
      const counted = await webhooks.settle(delivery, next, attempt);
      if (counted) attempts.inc({ outcome: next.kind });
      return counted;
    },
  };
}

async function statusOf(webhooks: WebhookStore) {
  const all = await webhooks.list();
  return webhooks.status(all.map(({ uid }) => uid));
}
