import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { present } from "./answer.js";
import { callUnary, type CallOptions, type Connection } from "./call.js";
import { createPagedList, type ListOptions, type PagedList } from "./page.js";
import { DeliveryState, type Delivery, type Webhook, WebhookSchema, WebhookService } from "./v1.js";

/** A webhook to make: name and url, and what it is told of and for how long it is tried where that matters. */
export type WebhookInput = MessageInitShape<typeof WebhookSchema>;

/** What of a webhook is to change; what is left out stays. */
export type WebhookChanges = Pick<WebhookInput, "url" | "filter" | "retryFor" | "description" | "paused" | "ordered">;

/** Which deliveries are listed. */
export interface ListDeliveriesOptions {
  /** Default: all. */
  readonly states?: readonly (keyof typeof DeliveryState)[] | undefined;
}

/** What is tried again. */
export interface RedeliverResult {
  readonly count: number;
  /** Ids for which there is nothing to try: they are pending already, or not kept. */
  readonly skipped: readonly string[];
}

/** Tells URLs of what happens: that jobs and runs ended, that devices are held. */
export interface Webhooks {
  /** Registers a URL; `secret` is what deliveries are signed with, at least 16 characters. */
  create(webhook: WebhookInput, secret: string, options?: CallOptions): Promise<Webhook>;
  /** Changes a webhook, what is pending included. */
  update(name: string, changes: WebhookChanges, options?: CallOptions): Promise<Webhook>;
  /** Posts nothing until `resume`; what happens meanwhile waits. */
  pause(name: string, options?: CallOptions): Promise<Webhook>;
  /** Posts again, first what has waited. */
  resume(name: string, options?: CallOptions): Promise<Webhook>;
  /**
   * Signs with a new secret, and for `keepPreviousMs` (default a day, at most a week) with the one before it as well: give
   * `verifyWebhook` both, then the new one alone.
   */
  rotateSecret(
    name: string,
    secret: string,
    options?: CallOptions & { readonly keepPreviousMs?: number | undefined },
  ): Promise<Webhook>;
  /** The webhooks by name, without their secrets. */
  list(options?: CallOptions): Promise<Webhook[]>;
  /** Forgets a webhook and its deliveries. */
  delete(name: string, options?: CallOptions): Promise<void>;
  /** Deliveries of a webhook, newest first. */
  deliveries(name: string, options?: CallOptions & ListOptions & ListDeliveriesOptions): PagedList<Delivery>;
  /** Tries these deliveries again, or all that were given up. */
  redeliver(name: string, ids: readonly string[] | "dead", options?: CallOptions): Promise<RedeliverResult>;
}

/** Names of fields in an update mask. */
const paths: Readonly<Record<string, string>> = {
  ...{ url: "url", filter: "filter", retryFor: "retry_for", description: "description", paused: "paused" },
  ordered: "ordered",
};

/** Makes the webhooks' part of a client. */
export function createWebhooks(connection: Connection): Webhooks {
  const client = createClient(WebhookService, connection.transport);
  async function update(name: string, changes: WebhookChanges, options: CallOptions = {}): Promise<Webhook> {
    const webhook = create(WebhookSchema, { ...changes, name });
    const fields = (Object.keys(changes) as (keyof WebhookChanges)[]).filter((field) => changes[field] !== undefined);
    if (fields.length === 0) throw new TypeError("no change is given");
    const request = { webhook, updateMask: { paths: fields.flatMap((field) => paths[field] ?? []) } };
    return present((await callUnary(connection, options, (call) => client.updateWebhook(request, call))).webhook);
  }

  return {
    update,
    pause: (name, options) => update(name, { paused: true }, options),
    resume: (name, options) => update(name, { paused: false }, options),
    async rotateSecret(name, secret, { keepPreviousMs, ...options } = {}) {
      const keepPrevious = keepPreviousMs === undefined ? undefined : durationFromMs(keepPreviousMs);
      const request = { name, secret, ...(keepPrevious && { keepPrevious }) };
      return present(
        (await callUnary(connection, options, (call) => client.rotateWebhookSecret(request, call))).webhook,
      );
    },
    async create(init, secret, options = {}) {
      const request = { webhook: create(WebhookSchema, init), secret };
      return present((await callUnary(connection, options, (call) => client.createWebhook(request, call))).webhook);
    },
    async list(options = {}) {
      return (await callUnary(connection, options, (call) => client.listWebhooks({}, call))).webhooks;
    },
    async delete(name, options = {}) {
      await callUnary(connection, options, (call) => client.deleteWebhook({ name }, call));
    },
    deliveries(webhook, options = {}) {
      const states = (options.states ?? []).map((state) => DeliveryState[state]);
      return createPagedList(async (pageToken) => {
        const request = { webhook, states, pageSize: options.pageSize ?? 0, pageToken };
        const response = await callUnary(connection, options, (call) => client.listDeliveries(request, call));
        return { items: response.deliveries, nextPageToken: response.nextPageToken };
      }, options.pageToken);
    },
    async redeliver(webhook, which, options = {}) {
      const request = which === "dead" ? { webhook, allDead: true } : { webhook, ids: [...which] };
      const skipped: string[] = [];
      for (let count = 0; ;) {
        const answer = await callUnary(connection, options, (call) => client.redeliver(request, call));
        count += answer.count;
        skipped.push(...answer.skipped);
        // The service takes a bounded number of them a call.
        if (!answer.more || answer.count === 0) return { count, skipped };
      }
    },
  };
}
