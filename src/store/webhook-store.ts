import type { DeadReason, HookFilter, HookKind, NextAttempt } from "../domain/webhook.js";

/** A webhook as stored. Times are milliseconds since the epoch, by the store's clock. */
export interface WebhookRecord {
  readonly name: string;
  /** Tells it from an earlier one of the same name. */
  readonly uid: string;
  readonly url: string;
  readonly filter: HookFilter;
  readonly retryForMs: number;
  /** For people. */
  readonly description?: string;
  /** Nothing is posted; deliveries wait. */
  readonly paused?: boolean;
  /** One delivery at a time, by their numbers. */
  readonly ordered?: boolean;
  /** The signing secret, sealed for `webhookPlace(uid)`. */
  readonly sealed: Uint8Array;
  /** The secret before it, sealed alike, which signs as well until then. */
  readonly previous?: { readonly sealed: Uint8Array; readonly untilMs: number };
  readonly creator: string;
  readonly createMs: number;
}

/** What of a webhook can be changed. */
export type WebhookChange = Partial<
  Pick<WebhookRecord, "url" | "filter" | "retryForMs" | "description" | "paused" | "ordered" | "sealed" | "previous">
>;

/** How the deliveries of a webhook stand. */
export interface WebhookStatusRecord {
  readonly pending: number;
  readonly delivered: number;
  readonly dead: number;
  /** Attempts in a row that failed. */
  readonly failures: number;
  readonly lastSuccessMs?: number;
}

/** An event that some webhook may want to hear of, as the scripts noted it. */
export interface HookEvent {
  readonly kind: HookKind;
  /** Id of the job or the run; of a device "<hold> <time, or 0> <endpoint>". */
  readonly subject: string;
  readonly timeMs: number;
  /** Where it is noted; undefined: in the installation's own slot, as those of runs are. */
  readonly zone?: string;
  /** It was brought before. */
  readonly again: boolean;
}

/** One event for one webhook. */
export interface NewDelivery {
  /** Made of the webhook's uid and the event alone, so that whoever brings it twice brings the same. */
  readonly id: string;
  readonly uid: string;
  readonly kind: HookKind;
  /** What the event is about, for people. */
  readonly subject: string;
  readonly eventMs: number;
  readonly deadlineMs: number;
  readonly body: string;
}

/** A delivery in the hands of a server. */
export interface TakenDelivery {
  readonly id: string;
  readonly uid: string;
  readonly attempt: number;
  readonly deadlineMs: number;
  readonly body: string;
}

/** One try of a delivery. */
export interface DeliveryAttemptRecord {
  readonly number: number;
  readonly endMs: number;
  readonly durationMs: number;
  /** 0: no answer. */
  readonly status: number;
  readonly error?: string;
}

export type DeliveryState = "PENDING" | "DELIVERED" | "DEAD";

/** A delivery as stored. */
export interface DeliveryRecord extends Omit<NewDelivery, "uid"> {
  readonly state: DeliveryState;
  /** Grows with every delivery of the webhook. */
  readonly number: number;
  readonly attempt: number;
  readonly nextMs?: number;
  readonly endMs?: number;
  readonly deadReason?: DeadReason;
  /** The latest, oldest first. */
  readonly attempts: readonly DeliveryAttemptRecord[];
}

/** Webhooks, what they are to be told, and what came of it. Deliveries lie in the installation's slot. */
export interface WebhookStore {
  /** WEBHOOK_EXISTS, TOO_MANY_WEBHOOKS. What happens after this has resolved is noted for it, in every zone. */
  create(webhook: Omit<WebhookRecord, "createMs">): Promise<WebhookRecord>;
  /**
   * WEBHOOK_NOT_FOUND. Makes of a webhook, as it stands, what `change` says; called again when another change came in
   * between. What happens after this has resolved is noted as the new filter asks.
   */
  update(name: string, change: (webhook: WebhookRecord) => WebhookChange): Promise<WebhookRecord>;
  /** By name. */
  list(): Promise<readonly WebhookRecord[]>;
  /** In turn. */
  status(uids: readonly string[]): Promise<readonly WebhookStatusRecord[]>;
  /** WEBHOOK_NOT_FOUND. Its deliveries go with it. */
  remove(name: string): Promise<void>;
  /** Brings a zone (undefined: the installation's slot) in line with what webhooks ask for, if it is not. */
  keep(zone: string | undefined): Promise<void>;
  /**
   * Events of a zone that are to be brought to webhooks, oldest first. Each comes twice: at once, and again half a minute
   * after it was `told`, when what a failover can forget of its deliveries is settled. None while memory runs short.
   */
  events(zone: string | undefined, limit: number): Promise<readonly HookEvent[]>;
  /** These events were brought. */
  told(zone: string | undefined, events: readonly HookEvent[]): Promise<void>;
  /** Stores deliveries; one that is there, or whose webhook is gone, changes nothing. */
  add(deliveries: readonly NewDelivery[]): Promise<void>;
  /**
   * Takes due deliveries for an attempt, for each webhook as many as it has room for here; where they are `ordered`, the
   * first that has not ended, and no other. Whoever does not settle one within `holdMs` leaves it to others.
   */
  take(
    rooms: readonly { readonly uid: string; readonly room: number; readonly ordered?: boolean | undefined }[],
    holdMs: number,
  ): Promise<readonly TakenDelivery[]>;
  /** Notes what came of an attempt. False: another one counts by now. */
  settle(
    delivery: Pick<TakenDelivery, "id" | "attempt">,
    next: NextAttempt,
    attempt: Omit<DeliveryAttemptRecord, "number" | "endMs">,
  ): Promise<boolean>;
  /** WEBHOOK_NOT_FOUND. Deliveries in these states (none: all) with numbers below `before`, newest first. */
  deliveries(
    name: string,
    page: { readonly states: readonly DeliveryState[]; readonly limit: number; readonly before?: number },
  ): Promise<{ readonly deliveries: readonly DeliveryRecord[]; readonly next?: number }>;
  /** WEBHOOK_NOT_FOUND. Tries these again, or up to 1,000 of those given up; answers with the ids that are tried. */
  redeliver(name: string, ids: readonly string[] | "dead"): Promise<readonly string[]>;
  /** Gives up what was tried for long enough and purges what was kept long enough, a bounded step; says how many. */
  sweep(): Promise<number>;
}
