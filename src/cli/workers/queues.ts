import type { Command } from "commander";
import { PointsmanError, toJson } from "@pointsman/sdk";
import { ChangeStopSchema, QueueSchema, type Queue } from "@pointsman/sdk/v1";
import type { CommandKit, CommonOptions } from "../terminal/command.js";
import { pauseName, stopName, time } from "../terminal/format.js";
import { collect } from "../terminal/parse.js";
import { facts, table } from "../terminal/table.js";

interface QueueOptions extends CommonOptions {
  readonly zone?: string;
}

/** `queues`: lines of work, named ones and devices' own. */
export function registerQueues(program: Command, kit: CommandKit): void {
  const group = kit.command(program, "queues", "Show lines of work, pause and resume them");

  const list = kit
    .command(group, "list", "List the named queues that have been used (the default)", { isDefault: true })
    .option("--zone <name>", "by zone; may be repeated", collect);
  kit.run<CommonOptions & { readonly zone?: readonly string[] }>(list, async ({ client, options, out, signal }) => {
    const { queues, changeStop } = await client.queues.overview({ zones: options.zone }, { signal });
    if (out.json) {
      return await out.document({
        queues: queues.map((queue) => toJson(QueueSchema, queue)),
        ...(changeStop && { changeStop: toJson(ChangeStopSchema, changeStop) }),
      });
    }
    if (changeStop) await out.note(`changes are stopped by ${stopName(changeStop)}`);
    if (queues.length === 0) return await out.note("no named queue");
    const rows = queues.map((queue) => [
      queue.zone,
      queue.name,
      String(queue.waiting),
      String(queue.running),
      queue.limit === 0 ? "" : String(queue.limit),
      rate(queue.acceptedPerMinute),
      rate(queue.endedPerMinute),
      time(queue.oldestTime),
      queue.pause ? `by ${pauseName(queue.pause)}` : "",
    ]);
    await out.line(
      table(["zone", "name", "waiting", "running", "limit", "in/min", "out/min", "oldest", "paused"], rows),
    );
  });

  const get = named(kit.command(group, "get", "Show one queue"));
  kit.run<QueueOptions>(get, async ({ client, options, out, signal, words }) => {
    const queue = await client.queues.get(words[0] ?? "", { zone: options.zone, signal });
    if (out.json) await out.document(toJson(QueueSchema, queue));
    else await out.line(describe(queue));
  });

  const pause = named(kit.command(group, "pause", "Keep every job of a queue from starting; what runs goes on"));
  pause.requiredOption("--reason <text>", "why, for those who meet the pause");
  kit.run<QueueOptions & { readonly reason: string }>(pause, async ({ client, options, out, signal, words }) => {
    const { zone, reason } = options;
    const name = words[0] ?? "";
    const seen = await client.queues.get(name, { zone, signal }).catch((error: unknown) => {
      if (error instanceof PointsmanError && error.reason === "QUEUE_NOT_FOUND") return undefined;
      throw error;
    });
    const queue = await client.queues.pause(name, { zone, reason, signal });
    // It may be paused before its first job. Whoever mistyped the name would take it for the one that is used.
    if (!seen) await out.note(`no job has been in queue ${queue.name} of zone ${queue.zone} so far`);
    if (out.json) await out.document(toJson(QueueSchema, queue));
    else await out.line(`${queue.name} is paused; ${queue.waiting} wait, ${queue.running} run`);
  });

  const resume = named(kit.command(group, "resume", "Let the jobs of a queue start again"));
  kit.run<QueueOptions>(resume, async ({ client, options, out, signal, words }) => {
    const queue = await client.queues.resume(words[0] ?? "", { zone: options.zone, signal });
    if (out.json) await out.document(toJson(QueueSchema, queue));
    else await out.line(`${queue.name} is open; ${queue.waiting} wait, ${queue.running} run`);
  });
}

function named(command: Command): Command {
  return command
    .argument("<name>", "a named queue, or device/<name> for a device's own line")
    .option("--zone <name>", "zone of a named queue (default: default)");
}

/** Jobs a minute, with one decimal where there are few. */
function rate(perMinute: number): string {
  return perMinute >= 10 ? String(Math.round(perMinute)) : String(Math.round(perMinute * 10) / 10);
}

/** What only named queues tell. */
function ofNamed(queue: Queue, text: string): string | undefined {
  return queue.name.startsWith("device/") ? undefined : text;
}

function describe(queue: Queue): string {
  return facts([
    ["queue", queue.name],
    ["zone", queue.zone],
    ["waiting", String(queue.waiting)],
    ["running", String(queue.running)],
    ["limit", queue.limit === 0 ? "none" : String(queue.limit)],
    ["accepted", ofNamed(queue, `${rate(queue.acceptedPerMinute)} a minute`)],
    ["ended", ofNamed(queue, `${rate(queue.endedPerMinute)} a minute`)],
    ["oldest", time(queue.oldestTime)],
    ["paused", queue.pause ? `by ${pauseName(queue.pause)}` : "no"],
  ]);
}
