import type { Service } from "../domain/service.js";
import { type HookFacts, isMet } from "../domain/webhook.js";
import { defaultZone } from "../domain/work-place.js";
import { deliveryId } from "../store/delivery-id.js";
import type { HookEvent, NewDelivery, Store, WebhookRecord } from "../store/store.js";
import { everyZone, type Parts, watchMs } from "./every-zone.js";

/** How often events are looked for in a zone while there is a webhook. */
const lookMs = 200;
/** Events brought at a time. */
const chunk = 100;

/** An event with what a filter can ask for, and what is told of it. */
export interface TellableEvent {
  readonly event: HookEvent;
  readonly facts: HookFacts;
  readonly subject: string;
  readonly body: string;
}

/** What bringing events needs. */
export interface WebhookEventParts extends Parts {
  readonly store: Parts["store"] & Pick<Store, "webhooks">;
  /** Says of events what they are about, in turn. */
  readonly describe: (events: readonly HookEvent[]) => Promise<readonly TellableEvent[]>;
}

/**
 * Makes deliveries of the events that scripts noted. Every server does it; an event that is brought twice makes the same
 * deliveries, under the same ids.
 */
export function createWebhookEvents(parts: WebhookEventParts): Service {
  const { store, clock, describe } = parts;
  const { webhooks } = store;

  function deliveriesOf({ event, facts, subject, body }: TellableEvent, all: readonly WebhookRecord[]): NewDelivery[] {
    const { kind, timeMs: eventMs } = event;
    return all
      .filter(({ filter, createMs }) => isMet(filter, facts) && !(event.again && createMs > eventMs))
      .map(({ uid, retryForMs }) => {
        // From now on, not from the event: servers that were all down must not give up what they never tried.
        const deadlineMs = clock.now() + retryForMs;
        return { id: deliveryId(uid, kind, event.subject), uid, kind, subject, eventMs, deadlineMs, body };
      });
  }

  async function bring(zone: string | undefined): Promise<number> {
    const events = await webhooks.events(zone, chunk);
    if (events.length === 0) return 0;
    // Behind the events: whoever was created before one of them is in it.
    const all = await webhooks.list();
    const described = await describe(events);
    await webhooks.add(described.flatMap((one) => deliveriesOf(one, all)));
    await webhooks.told(zone, events);
    return events.length;
  }

  return everyZone(parts, "bringing events to webhooks", async (zone) => {
    // Runs are of no zone: the one that always exists stands for all.
    const places = zone === defaultZone ? [zone, undefined] : [zone];
    for (const place of places) await webhooks.keep(place);
    if ((await webhooks.list()).length === 0) return watchMs;
    let most = 0;
    for (const place of places) most = Math.max(most, await bring(place));
    return most >= chunk ? 0 : lookMs;
  });
}
