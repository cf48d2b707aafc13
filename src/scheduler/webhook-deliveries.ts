import type { Logger } from "pino";
import type { Clock, Random } from "../domain/clock.js";
import { createLoop, type Service } from "../domain/service.js";
import { type HookAnswer, nextAttempt } from "../domain/webhook.js";
import { type Outbound, OutboundError } from "../outbound/outbound.js";
import { retryAfterMs } from "../outbound/retry-after.js";
import { webhookHeaders } from "../outbound/webhook-signature.js";
import { type Sealer, SealError } from "../secrets/sealer.js";
import { webhookPlace } from "../secrets/webhook-place.js";
import { type Store, StoreError, type TakenDelivery, type WebhookRecord } from "../store/store.js";

/** How often deliveries are looked for while there is a webhook, and while there is none. */
const lookMs = 200;
const idleMs = 1_000;
/** Deliveries under way to one endpoint from this server: a slow one keeps no more than these. */
const roomEach = 8;
const timeoutMs = 10_000;
/** A server that took a delivery is waited for so long. */
const holdMs = 15_000;
/** Of an answer nothing but its status is of use. */
const answerBytes = 1_024;
const sweepMs = 5_000;
const shownError = 256;

/** What delivering needs. */
export interface WebhookDeliveryParts {
  readonly store: Pick<Store, "webhooks">;
  readonly outbound: Outbound;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * Posts deliveries that are due. Every server does it: one is in the hands of one at a time, and of another when that one
 * does not say what came of it. Each endpoint has room of its own, so that a slow one harms no other.
 */
export function createWebhookDeliveries(parts: WebhookDeliveryParts): Service {
  const { store, outbound, sealer, clock, random, logger } = parts;
  const { webhooks } = store;
  const underWay = new Map<string, Set<Promise<void>>>();
  let swept = -Infinity;
  let ring = (): void => undefined;

  async function post(webhook: WebhookRecord, delivery: TakenDelivery): Promise<HookAnswer & { error?: string }> {
    try {
      const headers = webhookHeaders(secretsOf(webhook), delivery, clock.now());
      const { url } = webhook;
      const answer = await outbound.post({ url, body: delivery.body, headers, timeoutMs, maxBytes: answerBytes });
      const pauseMs = retryAfterMs(answer.headers["retry-after"], clock.now());
      return { status: answer.status, ...(pauseMs !== undefined && { retryAfterMs: pauseMs }) };
    } catch (error) {
      if (!(error instanceof OutboundError || error instanceof SealError)) throw error;
      return { status: 0, error: error.message.slice(0, shownError) };
    }
  }

  /** The present secret, and the one before it for as long as that signs as well. */
  function secretsOf({ uid, sealed, previous }: WebhookRecord): string[] {
    const signing = previous && clock.now() < previous.untilMs ? [sealed, previous.sealed] : [sealed];
    return signing.map((one) => new TextDecoder().decode(sealer.open(one, webhookPlace(uid))));
  }

  async function deliver(webhook: WebhookRecord, delivery: TakenDelivery): Promise<void> {
    const startedMs = clock.monotonic();
    const { error, ...answer } = await post(webhook, delivery);
    const durationMs = Math.round(clock.monotonic() - startedMs);
    const next = nextAttempt(delivery, answer, clock.now(), random);
    const made = { durationMs, status: answer.status, ...(error !== undefined && { error }) };
    await webhooks.settle(delivery, next, made);
    if (next.kind === "dead") {
      logger.warn({ webhook: webhook.name, delivery: delivery.id, reason: next.reason }, "a delivery was given up");
    }
  }

  /** Starts what there is room for. */
  async function step(): Promise<number> {
    if (clock.monotonic() - swept >= sweepMs && (await webhooks.sweep()) === 0) swept = clock.monotonic();
    const all = await webhooks.list();
    const rooms = all.flatMap(({ uid, paused, ordered }) =>
      paused ? [] : [{ uid, room: roomEach - (underWay.get(uid)?.size ?? 0), ordered }],
    );
    const taken = await webhooks.take(
      rooms.filter(({ room }) => room > 0),
      holdMs,
    );
    for (const delivery of taken) {
      const webhook = all.find(({ uid }) => uid === delivery.uid);
      if (!webhook) continue;
      const mine = underWay.get(webhook.uid) ?? new Set();
      underWay.set(webhook.uid, mine);
      const over: Promise<void> = survive(() => deliver(webhook, delivery)).then(() => {
        mine.delete(over);
        if (mine.size === 0) underWay.delete(webhook.uid);
        ring();
      });
      mine.add(over);
    }
    return all.length > 0 ? lookMs : idleMs;
  }

  async function survive<T>(call: () => Promise<T>): Promise<T | undefined> {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof StoreError)) logger.error({ err: error }, "delivering to webhooks failed once");
      return undefined;
    }
  }

  /** Waits, but no longer than until a delivery is over. */
  function rest(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const over = (): void => {
        cancel();
        signal.removeEventListener("abort", over);
        resolve();
      };
      const cancel = clock.timer(ms, over);
      ring = over;
      signal.addEventListener("abort", over, { once: true });
      if (signal.aborted) over();
    });
  }

  return createLoop(
    async (signal) => {
      while (!signal.aborted) await rest((await survive(step)) ?? idleMs, signal);
      // What was sent may have been heard: its answer is waited for, or it would be sent again.
      await Promise.all([...underWay.values()].flatMap((some) => [...some]));
    },
    (error) => logger.error({ err: error }, "delivering to webhooks stopped"),
  );
}
