import type { Command } from "commander";
import { scheduleMessage, toJson, type ScheduleInput } from "@pointsman/sdk";
import { ScheduleSchema, type Schedule } from "@pointsman/sdk/v1";
import { wordsBehindDashes } from "../terminal/behind-dashes.js";
import type { CommandKit, CommonOptions, Context } from "../terminal/command.js";
import { time } from "../terminal/format.js";
import type { Output } from "../terminal/output.js";
import { collectPairs, parseInteger, UsageError } from "../terminal/parse.js";
import { registerScheduleTimes } from "./schedule-times.js";
import { changesOf, scheduleInFile, withScheduleOptions, type ScheduleOptions } from "./schedule-options.js";
import { describeSchedule, scheduleStateName, whenText } from "./schedule-words.js";
import { table } from "../terminal/table.js";

/** `schedules`: what fires runs by time. */
export function registerSchedules(program: Command, kit: CommandKit): void {
  const group = kit.command(program, "schedules", "Fire runs by time, and show what came of them");
  const named = (name: string, description: string): Command =>
    kit.command(group, name, description).argument("<name>", "the schedule");

  const list = kit
    .command(group, "list", "List schedules by name (the default)", { isDefault: true })
    .option("--label <key=value>", "by label; may be repeated", collectPairs("--label"))
    .option("--text <text>", "by text in the name or the description");
  kit.run<CommonOptions & { readonly label?: Record<string, string>; readonly text?: string }>(list, listSchedules);

  const add = kit
    .command(group, "create", "Add a schedule")
    .usage("[options] [name] -- <command...>")
    .argument("[name...]", "its name (default: one is made); behind --, the command");
  withScheduleOptions(add).option("--request-id <id>", "makes the call safe to repeat");
  kit.run<ScheduleOptions & { readonly requestId?: string }>(add, async ({ client, options, out, signal, words }) => {
    const { name, line } = split(program, words);
    const changes = await changesOf(options, line);
    const base = await scheduleInFile(options);
    const wanted = base ? merged(base, scheduleMessage({ ...changes, name })) : { ...changes, name };
    const created = await client.schedules.create(wanted as ScheduleInput, {
      ...{ signal, requestId: options.requestId },
    });
    await tell(out, created, `is added; it comes first at ${time(created.nextTime) || "no time"}`);
  });

  const update = named("update", "Change what is given").usage("[options] <name> -- <command...>");
  update.argument("[command...]", "behind --, the command");
  withScheduleOptions(update).option(
    "--version <number>",
    "only while the schedule has this version",
    parseInteger("--version", 1, 4_294_967_295),
  );
  kit.run<ScheduleOptions & { readonly version?: number }>(update, async ({ client, options, out, signal, words }) => {
    const { name, line } = split(program, words);
    const changes = await changesOf(options, line);
    if (Object.keys(changes).length === 0) throw new UsageError("nothing to change");
    const { version } = options;
    const schedule = await client.schedules.update(name, changes, { signal, version });
    await tell(out, schedule, `is changed; it comes next at ${time(schedule.nextTime) || "no time"}`);
  });

  kit.run<CommonOptions>(named("show", "Show one schedule"), async ({ client, out, signal, words }) => {
    const schedule = await client.schedules.get(words[0] ?? "", { signal });
    if (out.json) await out.document(toJson(ScheduleSchema, schedule));
    else await out.line(describeSchedule(schedule));
  });

  kit.run<CommonOptions>(
    named("delete", "Remove a schedule; its runs stay"),
    async ({ client, out, signal, words }) => {
      const name = words[0] ?? "";
      await client.schedules.delete(name, { signal });
      if (out.json) await out.document({ deleted: name });
      else await out.line(`${name} is removed`);
    },
  );

  const pause = named("pause", "Keep a schedule from firing; what is under way goes on");
  pause.option("--note <text>", "why, for others");
  kit.run<CommonOptions & { readonly note?: string }>(pause, async ({ client, options, out, signal, words }) => {
    const { note } = options;
    await tell(out, await client.schedules.pause(words[0] ?? "", { note, signal }), "is paused");
  });

  kit.run<CommonOptions>(named("resume", "Let a schedule fire again"), async ({ client, out, signal, words }) => {
    const schedule = await client.schedules.resume(words[0] ?? "", { signal });
    await tell(out, schedule, `goes on; it comes next at ${time(schedule.nextTime) || "no time"}`);
  });

  registerScheduleTimes(group, kit);
}

async function listSchedules({
  client,
  options,
  out,
  signal,
}: Context<CommonOptions & { readonly label?: Record<string, string>; readonly text?: string }>): Promise<void> {
  const schedules: Schedule[] = [];
  const filter = { labels: { ...options.label }, text: options.text ?? "" };
  for await (const schedule of client.schedules.list(filter, { pageSize: 1_000, signal })) schedules.push(schedule);
  if (out.json) return await out.document({ schedules: schedules.map((one) => toJson(ScheduleSchema, one)) });
  if (schedules.length === 0) return await out.note("no schedule");
  const rows = schedules.map((one) => [
    ...[one.name, whenText(one), scheduleStateName(one.state), time(one.nextTime), time(one.lastRunTime)],
    ...[String(one.liveRuns), one.description],
  ]);
  await out.line(table(["name", "when", "state", "next", "last run", "under way", "description"], rows));
}

function split(program: Command, words: readonly string[]): { readonly name: string; readonly line: string } {
  const behind = wordsBehindDashes(program);
  const names = words.slice(0, words.length - behind);
  if (names.length > 1) throw new UsageError("one name at most; the command stands behind --");
  return { name: names[0] ?? "", line: words.slice(words.length - behind).join(" ") };
}

/** A schedule out of a file, with what the options say in its place. */
function merged(base: Schedule, said: Schedule): Schedule {
  const given = Object.entries(said).filter(([key, value]) => {
    if (key.startsWith("$") || value === undefined || value === "" || value === 0 || value === false) return false;
    return typeof value !== "object" || ("case" in value ? value.case !== undefined : Object.keys(value).length > 0);
  });
  return Object.assign(base, Object.fromEntries(given));
}

async function tell(out: Output, schedule: Schedule, what: string): Promise<void> {
  if (out.json) await out.document(toJson(ScheduleSchema, schedule));
  else await out.line(`${schedule.name} ${what}`);
}
