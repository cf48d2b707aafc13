import { isIP } from "node:net";
import { durationMs } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { ListDeliveriesRequestSchema, type Webhook, type WebhookFilter, type WebhookService } from "@pointsman/sdk/v1";
import type { Clock, Random } from "../../domain/clock.js";
import type { HookFilter, HookKind } from "../../domain/webhook.js";
import { type FieldProblem, invalidRequest } from "../../errors.js";
import type { AddressRule } from "../../outbound/address-rule.js";
import { webhookSecretProblem } from "../../outbound/webhook-signature.js";
import type { Sealer } from "../../secrets/sealer.js";
import { webhookPlace } from "../../secrets/webhook-place.js";
import type { Store, WebhookRecord } from "../../store/store.js";
import { principalKey } from "../calls/call-context.js";
import { listKey, pageSize, placeNumber, readPageToken, writePageToken } from "../page-token.js";
import { deliveryMessage, deliveryStates, webhookMessage } from "./webhook-view.js";

const defaultRetryForMs = 3 * 86_400_000;
const defaultKeepMs = 86_400_000;
/** What UpdateWebhook can change. */
const changeable: readonly string[] = ["url", "filter", "retry_for", "description", "paused", "ordered"];

/** What the service needs. */
export interface WebhookServiceParts {
  readonly store: Pick<Store, "webhooks" | "zones">;
  readonly sealer: Sealer;
  readonly random: Random;
  readonly clock: Clock;
  /** Which addresses may be called. */
  readonly addresses: AddressRule;
}

/** Keeps the URLs that are told of what happens: their secrets are sealed before they leave this process. */
export function createWebhookService(parts: WebhookServiceParts): ServiceImpl<typeof WebhookService> {
  const { store, sealer, random, clock, addresses } = parts;
  const { webhooks } = store;

  async function withStatus(some: readonly WebhookRecord[]): Promise<Webhook[]> {
    const standing = await webhooks.status(some.map(({ uid }) => uid));
    return some.map((one, i) => webhookMessage(one, standing[i]));
  }

  return {
    async createWebhook({ webhook, secret }, context) {
      const { name, url, filter, retryFor, description, paused, ordered } = webhook!;
      const bad = [...urlProblems(addresses, url), ...secretProblems(secret)];
      if (bad.length > 0) throw invalidRequest(...bad);
      const uid = Buffer.from(random.bytes(12)).toString("hex");
      const made = await webhooks.create({
        ...{ name, uid, url, filter: filterOf(filter), creator: context.values.get(principalKey).name },
        ...{ retryForMs: retryFor ? durationMs(retryFor) : defaultRetryForMs },
        ...{ description, paused, ordered },
        sealed: sealer.seal(new TextEncoder().encode(secret), webhookPlace(uid)),
      });
      return { webhook: webhookMessage(made) };
    },
    async listWebhooks() {
      return { webhooks: await withStatus(await webhooks.list()) };
    },
    async updateWebhook({ webhook, updateMask }) {
      const { name, url, filter, retryFor, description, paused, ordered } = webhook!;
      const named = updateMask?.paths ?? [];
      const paths = named.length > 0 ? named : changeable;
      const bad = named.flatMap((path, index) =>
        changeable.includes(path)
          ? []
          : [{ field: `update_mask.paths[${index}]`, description: "is no field that can be changed" }],
      );
      if (paths.includes("url")) bad.push(...urlProblems(addresses, url));
      if (bad.length > 0) throw invalidRequest(...bad);
      const wanted = {
        ...{ url, filter: filterOf(filter), description, paused, ordered },
        retry_for: retryFor ? durationMs(retryFor) : defaultRetryForMs,
      };
      const { retry_for: retryForMs, ...change } = pick(wanted, paths);
      const stored = await webhooks.update(name, () => ({
        ...change,
        ...(retryForMs !== undefined && { retryForMs }),
      }));
      return { webhook: (await withStatus([stored]))[0] };
    },
    async rotateWebhookSecret({ name, secret, keepPrevious }) {
      const bad = secretProblems(secret);
      if (bad.length > 0) throw invalidRequest(...bad);
      const untilMs = clock.now() + (keepPrevious ? durationMs(keepPrevious) : defaultKeepMs);
      const stored = await webhooks.update(name, ({ uid, sealed }) => ({
        sealed: sealer.seal(new TextEncoder().encode(secret), webhookPlace(uid)),
        previous: { sealed, untilMs },
      }));
      return { webhook: (await withStatus([stored]))[0] };
    },
    async deleteWebhook({ name }) {
      await webhooks.remove(name);
      return {};
    },
    async listDeliveries(request) {
      const { webhook, pageToken } = request;
      const key = listKey("ListDeliveries", ListDeliveriesRequestSchema, { ...request, pageSize: 0, pageToken: "" });
      const place = readPageToken(key, 1, pageToken)?.[0];
      const { deliveries, next } = await webhooks.deliveries(webhook, {
        states: request.states.flatMap((state) => deliveryStates[state] ?? []),
        limit: pageSize(request.pageSize),
        ...(place !== undefined && { before: placeNumber(place) }),
      });
      return {
        deliveries: deliveries.map((one) => deliveryMessage(webhook, one)),
        nextPageToken: next === undefined ? "" : writePageToken(key, [String(next)]),
      };
    },
    async redeliver({ webhook, ids, allDead }) {
      const again = await webhooks.redeliver(webhook, allDead ? "dead" : ids);
      const tried = new Set(again);
      const dead = async (): Promise<boolean> =>
        (await webhooks.deliveries(webhook, { states: ["DEAD"], limit: 1 })).deliveries.length > 0;
      return {
        count: again.length,
        more: allDead && (await dead()),
        skipped: [...new Set(ids)].filter((id) => !tried.has(id)),
      };
    },
  };
}

function pick<T extends object>(from: T, names: readonly string[]): Partial<T> {
  return Object.fromEntries(Object.entries(from).filter(([name]) => names.includes(name))) as Partial<T>;
}

function filterOf(filter: WebhookFilter | undefined): HookFilter {
  const { events = [], queues = [], labels = {}, devices = [], zones = [] } = filter ?? {};
  return { events: events as HookKind[], queues, labels: { ...labels }, devices, zones };
}

function secretProblems(secret: string): FieldProblem[] {
  const description = webhookSecretProblem(secret);
  return description === undefined ? [] : [{ field: "secret", description }];
}

/** What can be said of a URL without asking for its name: that is looked at with every delivery, as it may change. */
function urlProblems(addresses: AddressRule, text: string): FieldProblem[] {
  const field = "webhook.url";
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    return [{ field, description: "must be an http or https URL" }];
  }
  if (url.username !== "" || url.password !== "") {
    return [{ field, description: "must hold neither user name nor password: deliveries are signed" }];
  }
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (!addresses.allowsHost(host)) {
    return [{ field, description: `the host ${host} is not among those that may be called (http.allow_hosts)` }];
  }
  if (isIP(host) > 0 && !addresses.allows(host)) {
    const description = `${host} is not an address of the public internet, and is not allowed (http.allow_addresses)`;
    return [{ field, description }];
  }
  return [];
}
