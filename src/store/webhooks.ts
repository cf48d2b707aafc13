import { type DeadReason, type HookKind, kindsOf } from "../domain/webhook.js";
import type { StoreConnection } from "./connection.js";
import { type KeySpace, keyOf } from "./keys.js";
import { list, type Scripts, text } from "./scripts.js";
import {
  type DeliveryAttemptRecord,
  type DeliveryRecord,
  type DeliveryState,
  type HookEvent,
  StoreError,
  type TakenDelivery,
  type WebhookRecord,
  type WebhookStore,
} from "./store.js";
import type { Zones } from "./zones.js";

/** Webhooks that an installation can have. */
const mostWebhooks = 100;
/** An event is brought once more this long after it was: what a failover forgets is younger. */
const againMs = 30_000;
/** Deliveries ended and purged in one call. */
const sweepLimit = 200;
const versionField = "#version";
const states: readonly DeliveryState[] = ["PENDING", "DELIVERED", "DEAD"];

/** A webhook as it is kept. */
type Stored = Omit<WebhookRecord, "sealed" | "previous" | "name"> & {
  readonly sealed: string;
  readonly previous?: { readonly sealed: string; readonly untilMs: number };
};

/** All webhooks, as of one moment. */
interface Snapshot {
  readonly version: string;
  readonly webhooks: readonly WebhookRecord[];
}

export function createWebhookStore(parts: {
  readonly redis: StoreConnection;
  readonly scripts: Scripts;
  readonly keys: KeySpace;
  readonly zones: Zones;
}): WebhookStore {
  const { redis, scripts, keys, zones } = parts;
  const root = keys.installation;
  const rootOf = (zone: string | undefined): string => (zone === undefined ? root : keys.zone(zone));

  async function read(): Promise<Snapshot> {
    const { [versionField]: version = "0", ...stored } = await redis.hgetall(keyOf(root, "webhooks"));
    const webhooks = Object.keys(stored)
      .sort()
      .map((name): WebhookRecord => {
        const { previous, ...webhook } = JSON.parse(stored[name] ?? "") as Stored;
        return {
          ...{ ...webhook, name, sealed: Buffer.from(webhook.sealed, "base64") },
          ...(previous && { previous: { ...previous, sealed: Buffer.from(previous.sealed, "base64") } }),
        };
      });
    return { version, webhooks };
  }

  async function need(name: string): Promise<WebhookRecord> {
    const webhook = (await read()).webhooks.find((one) => one.name === name);
    if (!webhook) throw missing(name);
    return webhook;
  }

  async function spreadTo(zone: string | undefined, { version, webhooks }: Snapshot): Promise<void> {
    const kinds = kindsOf(webhooks.map(({ filter }) => filter));
    const wanted = kinds.length > 0 ? ` ${kinds.join(" ")} ` : "";
    const answer = text(await scripts.run("write_hooks", rootOf(zone), version, "", wanted));
    // Another server was faster, unless the webhooks came back with older data: then the zone follows them.
    if (answer === "OLD" && (await redis.hget(keyOf(root, "webhooks"), versionField)) === version) {
      await scripts.run("write_hooks", rootOf(zone), version, "force", wanted);
    }
  }

  /** All zones are tried, whatever becomes of one. */
  async function spread(): Promise<void> {
    const snapshot = await read();
    const all = [undefined, ...(await zones.all()).keys()];
    const done = await Promise.allSettled(all.map((zone) => spreadTo(zone, snapshot)));
    for (const one of done) if (one.status === "rejected") throw one.reason;
  }

  return {
    async create(webhook) {
      const { name } = webhook;
      const reply = list(await scripts.run("write_webhook", root, name, bodyOf(webhook), "", mostWebhooks, ""));
      switch (text(reply[0])) {
        case "EXISTS":
          throw new StoreError("WEBHOOK_EXISTS", `webhook ${name} exists`, { webhook: name });
        case "FULL":
          throw new StoreError("TOO_MANY_WEBHOOKS", `an installation can have ${mostWebhooks} webhooks at most`);
      }
      await spread();
      return { ...webhook, createMs: Number(text(reply[1])) };
    },
    async update(name, change) {
      for (;;) {
        const { version, webhooks } = await read();
        const before = webhooks.find((one) => one.name === name);
        if (!before) throw missing(name);
        const webhook = { ...before, ...change(before) };
        const args = [name, bodyOf(webhook), before.uid, mostWebhooks, version] as const;
        const answer = text(list(await scripts.run("write_webhook", root, ...args))[0]);
        if (answer === "NONE") throw missing(name);
        if (answer === "CHANGED") continue;
        await spread();
        return webhook;
      }
    },
    async list() {
      return (await read()).webhooks;
    },
    status: (uids) =>
      Promise.all(
        uids.map(async (uid) => {
          const [counts, [failures, ok]] = await Promise.all([
            Promise.all(states.map((state) => redis.zcard(listKey(root, uid, state)))),
            redis.hmget(keyOf(root, "webhook", uid), "failures", "ok"),
          ]);
          const [pending = 0, delivered = 0, dead = 0] = counts;
          return {
            ...{ pending, delivered, dead, failures: Number(failures ?? 0) },
            ...(ok && { lastSuccessMs: Number(ok) }),
          };
        }),
      ),
    async remove(name) {
      const { uid } = await need(name);
      const reply = list(await scripts.run("write_webhook", root, name, "", uid, mostWebhooks, ""));
      if (text(reply[0]) === "NONE") throw missing(name);
      await spread();
    },
    async keep(zone) {
      const [version, known] = await Promise.all([
        redis.hget(keyOf(root, "webhooks"), versionField),
        redis.hget(keyOf(rootOf(zone), "hooks"), versionField),
      ]);
      // Where there has never been a webhook there is nothing to spread.
      if (version !== known) await spreadTo(zone, await read());
    },
    async events(zone, limit) {
      const [first, again] = list(await scripts.run("hook_events", rootOf(zone), limit, againMs));
      const fresh = list(first).map((part) => text(part));
      const found: HookEvent[] = [];
      for (let i = 0; i + 1 < fresh.length; i += 2) found.push(eventOf(fresh[i] ?? "", Number(fresh[i + 1]), zone));
      for (const one of list(again)) {
        const [timeMs = "", event = ""] = halves(text(one));
        found.push({ ...eventOf(event, Number(timeMs), zone), again: true });
      }
      return found;
    },
    async told(zone, events) {
      if (events.length === 0) return;
      const members = events.map(
        ({ kind, subject, timeMs, again }) => `${again ? `${timeMs} ` : ""}${kind} ${subject}`,
      );
      await scripts.run("tell_hooks", rootOf(zone), ...members);
    },
    async add(deliveries) {
      if (deliveries.length === 0) return;
      await scripts.run(
        "add_deliveries",
        root,
        ...deliveries.flatMap(({ id, uid, kind, subject, eventMs, deadlineMs, body }) => {
          return [id, uid, kind, subject, eventMs, deadlineMs, body];
        }),
      );
    },
    async take(rooms, holdMs) {
      if (rooms.length === 0) return [];
      const args = rooms.flatMap(({ uid, room, ordered }) => [uid, room, ordered ? "1" : ""]);
      return list(await scripts.run("take_deliveries", root, holdMs, ...args)).map((reply): TakenDelivery => {
        const [id, uid, attempt, deadline, body] = list(reply).map((part) => text(part));
        return {
          ...{ id: id ?? "", uid: uid ?? "", body: body ?? "" },
          ...{ attempt: Number(attempt), deadlineMs: Number(deadline) },
        };
      });
    },
    async settle({ id, attempt }, next, made) {
      const outcome =
        next.kind === "delivered"
          ? (["DELIVERED", ""] as const)
          : next.kind === "dead"
            ? (["DEAD", next.reason] as const)
            : (["RETRY", next.afterMs] as const);
      const facts = JSON.stringify(made).slice(1, -1);
      return (await scripts.run("settle_delivery", root, id, attempt, ...outcome, facts)) === 1;
    },
    async deliveries(name, { states: wanted, limit, before }) {
      const { uid } = await need(name);
      const from = before === undefined ? "+inf" : `(${before}`;
      const pages = await Promise.all(
        (wanted.length > 0 ? wanted : states).map((state) =>
          redis.zrange(listKey(root, uid, state), from, "-inf", "BYSCORE", "REV", "LIMIT", 0, limit, "WITHSCORES"),
        ),
      );
      // A delivery that ends between two of these looks stands in both lists.
      const numbers = new Map<string, number>();
      for (const page of pages)
        for (let i = 0; i + 1 < page.length; i += 2) numbers.set(page[i] ?? "", Number(page[i + 1]));
      const newest = [...numbers].sort(([, a], [, b]) => b - a).slice(0, limit);
      const found = await Promise.all(newest.map(([id]) => readDelivery(id, uid)));
      const last = newest.length === limit ? newest.at(-1) : undefined;
      return { deliveries: found.filter((one) => one !== undefined), ...(last && { next: last[1] }) };
    },
    async redeliver(name, ids) {
      const { uid, retryForMs } = await need(name);
      if (ids !== "dead" && ids.length === 0) return [];
      const named = ids === "dead" ? [] : ids;
      return list(await scripts.run("redeliver", root, uid, retryForMs, ...named)).map((id) => text(id));
    },
    async sweep() {
      return Number(await scripts.run("sweep_deliveries", root, sweepLimit));
    },
  };

  async function readDelivery(id: string, uid: string): Promise<DeliveryRecord | undefined> {
    const [fields, due] = await Promise.all([
      redis.hgetall(keyOf(root, "delivery", id)),
      redis.zscore(keyOf(root, "deliveries-due", uid), id),
    ]);
    return deliveryOf(id, fields, due);
  }
}

/** A webhook as the inside of a JSON object. */
function bodyOf({ name: _name, sealed, previous, ...webhook }: Omit<WebhookRecord, "createMs">): string {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
  const secrets = {
    sealed: base64(sealed),
    ...(previous && { previous: { ...previous, sealed: base64(previous.sealed) } }),
  };
  return JSON.stringify({ ...webhook, ...secrets }).slice(1, -1);
}

function missing(name: string): StoreError {
  return new StoreError("WEBHOOK_NOT_FOUND", `no webhook ${name}`, { webhook: name });
}

function listKey(root: string, uid: string, state: DeliveryState): string {
  return keyOf(root, "deliveries", `${uid} ${state}`);
}

/** A text up to its first space, and what is behind it. */
function halves(member: string): readonly [string, string] {
  const at = member.indexOf(" ");
  return [member.slice(0, at), member.slice(at + 1)];
}

function eventOf(member: string, timeMs: number, zone: string | undefined): HookEvent {
  const [kind, subject] = halves(member);
  return { kind: kind as HookKind, subject, timeMs, again: false, ...(zone !== undefined && { zone }) };
}

function deliveryOf(
  id: string,
  fields: Readonly<Record<string, string>>,
  due: string | null,
): DeliveryRecord | undefined {
  const { st, e, why } = fields;
  if (st === undefined) return undefined;
  const attempts = Object.entries(fields)
    .filter(([name]) => /^l\d$/.test(name))
    .map(([, value]) => JSON.parse(value) as DeliveryAttemptRecord)
    .sort((a, b) => a.endMs - b.endMs || a.number - b.number);
  return {
    ...{ id, kind: fields["kind"] as HookKind, subject: fields["sub"] ?? "", body: fields["body"] ?? "" },
    ...{ eventMs: Number(fields["et"]), deadlineMs: Number(fields["dl"]), number: Number(fields["n"]) },
    ...{ state: st as DeliveryState, attempt: Number(fields["att"]), attempts },
    ...(due !== null && { nextMs: Number(due) }),
    ...(e !== undefined && { endMs: Number(e) }),
    ...(why !== undefined && { deadReason: why as DeadReason }),
  };
}
