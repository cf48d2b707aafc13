import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type Delivery,
  DeliverySchema,
  DeliveryState as DeliveryStateNumber,
  type Webhook,
  WebhookSchema,
} from "@pointsman/sdk/v1";
import type { DeliveryRecord, DeliveryState, WebhookRecord, WebhookStatusRecord } from "../../store/store.js";

/** States of deliveries by the contract's numbers. */
export const deliveryStates: Readonly<Record<DeliveryStateNumber, DeliveryState | undefined>> = {
  [DeliveryStateNumber.UNSPECIFIED]: undefined,
  [DeliveryStateNumber.PENDING]: "PENDING",
  [DeliveryStateNumber.DELIVERED]: "DELIVERED",
  [DeliveryStateNumber.DEAD]: "DEAD",
};

/** A webhook as the contract says it, without its secret. */
export function webhookMessage(webhook: WebhookRecord, status?: WebhookStatusRecord): Webhook {
  const { name, url, filter, retryForMs, creator, createMs, previous } = webhook;
  const { description = "", paused = false, ordered = false } = webhook;
  const { events, queues, labels, devices, zones } = filter;
  return create(WebhookSchema, {
    ...{ name, url, creator, createTime: timestampFromMs(createMs), retryFor: durationFromMs(retryForMs) },
    ...{ description, paused, ordered },
    ...(previous && { previousSecretExpireTime: timestampFromMs(previous.untilMs) }),
    filter: {
      ...{ events: [...events], queues: [...queues], labels: { ...labels } },
      ...{ devices: [...devices], zones: [...zones] },
    },
    status: {
      pending: BigInt(status?.pending ?? 0),
      dead: BigInt(status?.dead ?? 0),
      delivered: BigInt(status?.delivered ?? 0),
      failures: status?.failures ?? 0,
      ...(status?.lastSuccessMs !== undefined && { lastSuccessTime: timestampFromMs(status.lastSuccessMs) }),
    },
  });
}

/** A delivery as the contract says it. */
export function deliveryMessage(webhook: string, delivery: DeliveryRecord): Delivery {
  const { id, kind, subject, state, eventMs, attempt, nextMs, endMs, deadReason, attempts, body } = delivery;
  return create(DeliverySchema, {
    ...{ id, webhook, event: kind, subject, state: DeliveryStateNumber[state], attemptCount: attempt, body },
    eventTime: timestampFromMs(eventMs),
    ...(nextMs !== undefined && { nextAttemptTime: timestampFromMs(nextMs) }),
    ...(endMs !== undefined && { endTime: timestampFromMs(endMs) }),
    deadReason: deadReason ?? "",
    attempts: attempts.map(({ number, endMs: attemptEndMs, durationMs, status, error }) => ({
      ...{ number, status, error: error ?? "" },
      endTime: timestampFromMs(attemptEndMs),
      duration: durationFromMs(durationMs),
    })),
  });
}
