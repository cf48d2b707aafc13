import type { Command } from "commander";
import { toJson } from "@pointsman/sdk";
import { BackfillScheduleResponseSchema, ScheduledTimeSchema, ScheduleHistoryEntrySchema } from "@pointsman/sdk/v1";
import type { CommandKit, CommonOptions } from "../terminal/command.js";
import { parseInteger, parseTime } from "../terminal/parse.js";
import { causeName, endName, outcomeName, utc } from "./schedule-words.js";
import { table } from "../terminal/table.js";

/** `schedules trigger`, `preview`, `backfill` and `history`. */
export function registerScheduleTimes(group: Command, kit: CommandKit): void {
  const named = (name: string, description: string): Command =>
    kit.command(group, name, description).argument("<name>", "the schedule");

  const trigger = named("trigger", "Start a run now");
  trigger.option("--request-id <id>", "makes the call safe to repeat");
  kit.run<CommonOptions & { readonly requestId?: string }>(trigger, async ({ client, options, out, signal, words }) => {
    const { requestId } = options;
    const started = await client.schedules.trigger(words[0] ?? "", { requestId, signal });
    if (out.json) await out.document(started);
    else await out.line(started.run);
  });

  const preview = named("preview", "Tell the next times")
    .option("--count <number>", "how many (default: 10)", parseInteger("--count", 1, 1_000))
    .option("--from <time>", "from when on (default: now)", parseTime);
  kit.run<CommonOptions & { readonly count?: number; readonly from?: Date }>(
    preview,
    async ({ client, options, out, signal, words }) => {
      const { count, from } = options;
      const times = await client.schedules.preview(words[0] ?? "", { count, from, signal });
      if (out.json) return await out.document({ times: times.map((one) => toJson(ScheduledTimeSchema, one)) });
      if (times.length === 0) return await out.note("no time comes any more");
      await out.line(
        table(
          ["time", "fired at"],
          times.map((one) => [utc(one.time), utc(one.fireTime)]),
        ),
      );
    },
  );

  const backfill = named("backfill", "Start a run for each time of a range in the past that has none")
    .requiredOption("--from <time>", "the first time", parseTime)
    .requiredOption("--to <time>", "no time from this one on", parseTime);
  kit.run<CommonOptions & { readonly from: Date; readonly to: Date }>(
    backfill,
    async ({ client, options, out, signal, words }) => {
      const done = await client.schedules.backfill(words[0] ?? "", options.from, options.to, { signal });
      if (out.json) return await out.document(toJson(BackfillScheduleResponseSchema, done));
      const rows = done.times.map((one) => [utc(one.time), one.run, one.existed ? "had it before" : "started"]);
      if (rows.length === 0) return await out.note("no time lies between");
      await out.line(table(["time", "run", ""], rows));
    },
  );

  const history = named("history", "List what became of its times, newest first");
  history.option("--limit <number>", "entries at most (default: 50)", parseInteger("--limit", 1, 1_000));
  kit.run<CommonOptions & { readonly limit?: number }>(history, async ({ client, options, out, signal, words }) => {
    const { items } = await client.schedules.history(words[0] ?? "", { pageSize: options.limit, signal });
    if (out.json) return await out.document({ entries: items.map((one) => toJson(ScheduleHistoryEntrySchema, one)) });
    if (items.length === 0) return await out.note("nothing yet");
    const rows = items.map((one) => [
      ...[utc(one.scheduledTime), outcomeName(one.outcome), causeName(one.cause), one.run, endName(one.runState)],
      one.count > 0 ? `${one.count} up to ${utc(one.lastTime)}` : [one.reason, one.message].filter(Boolean).join(": "),
    ]);
    await out.line(table(["time", "outcome", "cause", "run", "ended", ""], rows));
  });
}
