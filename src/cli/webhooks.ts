import type { Command } from "commander";
import { durationFromMs, timestampDate, toJson, type WebhookChanges } from "@pointsman/sdk";
import { DeliverySchema, DeliveryStateSchema, WebhookSchema, type Delivery, type Webhook } from "@pointsman/sdk/v1";
import type { CommandKit, CommonOptions, Context } from "./terminal/command.js";
import { enumName, time } from "./terminal/format.js";
import { collect, collectPairs, parseDuration, parseInteger, UsageError } from "./terminal/parse.js";
import { table } from "./terminal/table.js";

type Output = Context<unknown>["out"];

interface FilterOptions {
  readonly event?: readonly string[];
  readonly queue?: readonly string[];
  readonly label?: Record<string, string>;
  readonly device?: readonly string[];
  readonly zone?: readonly string[];
}

interface CreateOptions extends CommonOptions, FilterOptions {
  readonly retryFor?: number;
  readonly description?: string;
  readonly ordered?: boolean;
}

interface UpdateOptions extends CreateOptions {
  readonly to?: string;
  /** False: of everything. */
  readonly filter: boolean;
}

interface DeliveriesOptions extends CommonOptions {
  readonly state?: readonly ("PENDING" | "DELIVERED" | "DEAD")[];
  readonly limit?: number;
  readonly bodies?: boolean;
}

/** `webhooks`: URLs that are told of what happens. Secrets come from a prompt or standard input, never from argv. */
export function registerWebhooks(program: Command, kit: CommandKit): void {
  const group = kit.command(program, "webhooks", "Tell URLs of what happens: ends of jobs and runs, held devices");

  const list = kit.command(group, "list", "List the webhooks and how their deliveries stand (the default)", {
    isDefault: true,
  });
  kit.run<CommonOptions>(list, async ({ client, out, signal }) => {
    const webhooks = await client.webhooks.list({ signal });
    if (out.json) return await out.document({ webhooks: webhooks.map((one) => toJson(WebhookSchema, one)) });
    if (webhooks.length === 0) return await out.note("no webhook");
    const rows = webhooks.map((one) => [
      ...[one.name, one.url, filterText(one), `${one.status?.pending ?? 0}`, `${one.status?.dead ?? 0}`],
      ...[`${one.status?.failures ?? 0}`, time(one.status?.lastSuccessTime) || "never"],
      ...[one.paused ? "paused" : "active", one.ordered ? "in order" : "", one.description],
    ]);
    const heads = [
      "name",
      "url",
      "told of",
      "pending",
      "given up",
      "failures in a row",
      "last success",
      "state",
      "how",
      "for",
    ];
    await out.line(table(heads, rows));
  });

  const create = withSettings(
    kit
      .command(group, "create", "Register a URL; asks for the secret that deliveries are signed with")
      .argument("<name>", "its name")
      .argument("<url>", "where events are posted"),
  ).addHelpText("after", secretHelp);
  kit.run<CreateOptions>(create, async ({ client, options, out, signal, words, secrets }) => {
    const [name = "", url = ""] = words;
    const secret = await secrets.ask("signing secret");
    const webhook = await client.webhooks.create({ name, url, ...settingsOf(options) }, secret, { signal });
    await tell(out, webhook);
  });

  const update = withSettings(kit.command(group, "update", "Change what is given").argument("<name>", "the webhook"))
    .option("--to <url>", "where events are posted")
    .option("--no-filter", "tell it of everything")
    .addHelpText("after", "\nOptions that say what it is told of take the place of all that said so before.");
  kit.run<UpdateOptions>(update, async ({ client, options, out, signal, words }) => {
    const { to: url } = options;
    const changes = {
      ...settingsOf(options),
      ...(url !== undefined && { url }),
      ...(!options.filter && { filter: {} }),
    };
    if (Object.keys(changes).length === 0) throw new UsageError("nothing to change");
    await tell(out, await client.webhooks.update(words[0] ?? "", changes, { signal }));
  });

  const pause = kit.command(group, "pause", "Post nothing until it is resumed; what happens meanwhile waits");
  kit.run<CommonOptions>(pause.argument("<name>", "the webhook"), async ({ client, out, signal, words }) =>
    tell(out, await client.webhooks.pause(words[0] ?? "", { signal })),
  );
  const resume = kit.command(group, "resume", "Post again, first what has waited");
  kit.run<CommonOptions>(resume.argument("<name>", "the webhook"), async ({ client, out, signal, words }) =>
    tell(out, await client.webhooks.resume(words[0] ?? "", { signal })),
  );

  const rotate = kit
    .command(group, "rotate-secret", "Sign with a new secret, and for some time with the old one as well")
    .argument("<name>", "the webhook")
    .option(
      "--keep-previous <duration>",
      "how long the old secret signs, too; 0s: no longer (default: 1d)",
      parseDuration,
    )
    .addHelpText("after", secretHelp);
  kit.run<CommonOptions & { readonly keepPrevious?: number }>(
    rotate,
    async ({ client, options: { keepPrevious }, out, signal, words, secrets }) => {
      const secret = await secrets.ask("new signing secret");
      const how = { keepPreviousMs: keepPrevious, signal };
      const webhook = await client.webhooks.rotateSecret(words[0] ?? "", secret, how);
      if (out.json) return await out.document(toJson(WebhookSchema, webhook));
      await out.line(`${webhook.name}: the old secret signs, too, until ${time(webhook.previousSecretExpireTime)}`);
    },
  );

  const remove = kit.command(group, "delete", "Forget a webhook and its deliveries").argument("<name>", "the webhook");
  kit.run<CommonOptions>(remove, async ({ client, out, signal, words }) => {
    const name = words[0] ?? "";
    await client.webhooks.delete(name, { signal });
    if (out.json) await out.document({ deleted: name });
    else await out.line(`${name} is removed`);
  });

  const deliveries = kit
    .command(group, "deliveries", "List deliveries of a webhook, newest first")
    .argument("<name>", "the webhook")
    .option("--state <state>", "pending, delivered or dead; may be repeated", collectStates)
    .option("--limit <count>", "how many at most (default: 50)", parseInteger("--limit", 1, 10_000))
    .option("--bodies", "show what is posted, too");
  kit.run<DeliveriesOptions>(deliveries, async ({ client, options, out, signal, words }) => {
    const { state, limit = 50, bodies = false } = options;
    const found: Delivery[] = [];
    for await (const one of client.webhooks.deliveries(words[0] ?? "", { states: state, signal })) {
      found.push(one);
      if (found.length === limit) break;
    }
    if (out.json) return await out.document({ deliveries: found.map((one) => toJson(DeliverySchema, one)) });
    if (found.length === 0) return await out.note("no delivery");
    const rows = found.map((one) => [
      ...[one.id, one.event, one.subject, enumName(DeliveryStateSchema, one.state), `${one.attemptCount}`],
      ...[time(one.eventTime), outcomeOf(one), ...(bodies ? [one.body] : [])],
    ]);
    const heads = ["id", "event", "about", "state", "attempts", "happened", "outcome"];
    await out.line(table([...heads, ...(bodies ? ["body"] : [])], rows));
  });

  const redeliver = kit
    .command(group, "redeliver", "Try deliveries again that were delivered or given up")
    .argument("<name>", "the webhook")
    .argument("[ids...]", "the deliveries")
    .option("--dead", "all that were given up");
  kit.run<CommonOptions & { readonly dead?: boolean }>(redeliver, async ({ client, options, out, signal, words }) => {
    const [name = "", ...ids] = words;
    if ((options.dead ?? false) === ids.length > 0) throw new UsageError("name deliveries, or give --dead");
    const result = await client.webhooks.redeliver(name, options.dead ? "dead" : ids, { signal });
    if (out.json) return await out.document({ count: result.count, skipped: [...result.skipped] });
    await out.line(`${result.count} tried again`);
    for (const id of result.skipped) await out.note(`${id} is pending already, or not kept`);
  });
}

const secretHelp = "\nAsks for the secret, or reads it from standard input: 16 characters at least.";

/** Gives a command the options that say what a webhook is told of, and for how long. */
function withSettings(command: Command): Command {
  return command
    .option("--event <kind>", "kind of event, such as job.failed; may be repeated (default: all)", collect)
    .option("--queue <name>", "only jobs of this queue; may be repeated", collect)
    .option("--label <key=value>", "only what has this label; may be repeated", collectPairs("--label"))
    .option("--device <name>", "only this device; may be repeated", collect)
    .option("--zone <name>", "only this zone; may be repeated", collect)
    .option("--retry-for <duration>", "how long a delivery is tried (default: 3d)", parseDuration)
    .option("--description <text>", "what it is for")
    .option("--ordered", "one delivery at a time, in order: one that is refused keeps the others waiting")
    .option("--no-ordered", "as they come, several at a time (the default)");
}

function settingsOf(options: CreateOptions): WebhookChanges {
  const { event, queue, label, device, zone, retryFor, description, ordered } = options;
  const filters = [event, queue, label, device, zone].some((given) => given !== undefined);
  return {
    ...(filters && {
      filter: {
        ...{ events: [...(event ?? [])], queues: [...(queue ?? [])], labels: { ...label } },
        ...{ devices: [...(device ?? [])], zones: [...(zone ?? [])] },
      },
    }),
    ...(retryFor !== undefined && { retryFor: durationFromMs(retryFor) }),
    ...(description !== undefined && { description }),
    ...(ordered !== undefined && { ordered }),
  };
}

async function tell(out: Output, webhook: Webhook): Promise<void> {
  if (out.json) return await out.document(toJson(WebhookSchema, webhook));
  const how = `${webhook.ordered ? ", in order" : ""}${webhook.paused ? "; it is paused" : ""}`;
  await out.line(`${webhook.name}: ${webhook.url} is told of ${filterText(webhook)}${how}`);
}

function collectStates(text: string, before: DeliveriesOptions["state"] = []): DeliveriesOptions["state"] {
  const state = text.toUpperCase();
  if (state !== "PENDING" && state !== "DELIVERED" && state !== "DEAD") {
    throw new UsageError(`--state must be pending, delivered or dead, not "${text}"`);
  }
  return [...before, state];
}

function filterText({ filter }: Webhook): string {
  const { events = [], queues = [], labels = {}, devices = [], zones = [] } = filter ?? {};
  const said = [
    events.length > 0 ? events.join(", ") : "everything",
    ...(queues.length > 0 ? [`in ${queues.join(", ")}`] : []),
    ...Object.entries(labels).map(([key, value]) => `with ${key}=${value}`),
    ...(devices.length > 0 ? [`of ${devices.join(", ")}`] : []),
    ...(zones.length > 0 ? [`in zone ${zones.join(", ")}`] : []),
  ];
  return said.join(" ");
}

/** What came of the latest attempt, and when there is another. */
function outcomeOf({ attempts, deadReason, nextAttemptTime }: Delivery): string {
  const last = attempts.at(-1);
  const heard = last && (last.status > 0 ? `status ${last.status}` : last.error);
  const then = deadReason !== "" ? `given up: ${deadReason.toLowerCase()}` : undefined;
  const next = nextAttemptTime && `next ${timestampDate(nextAttemptTime).toISOString()}`;
  return [heard, then ?? next].filter((part) => part !== undefined && part !== "").join("; ");
}
