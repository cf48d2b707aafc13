import type { Command } from "commander";
import { fromJson, type ScheduleChanges, type ScheduleFields } from "@pointsman/sdk";
import { ScheduleSchema, type Schedule } from "@pointsman/sdk/v1";
import { readTextFile, type CommonOptions } from "../terminal/command.js";
import { parseInput } from "../jobs/task-input.js";
import { collect, collectPairs, oneOf, parseDuration, parseInteger, parseTime, UsageError } from "../terminal/parse.js";

/** The options that say when and what a schedule runs. */
export interface ScheduleOptions extends CommonOptions {
  readonly file?: string;
  readonly cron?: string;
  readonly timeZone?: string;
  readonly every?: string;
  readonly fixedDelay?: boolean;
  readonly startNow?: boolean;
  readonly at?: Date;
  readonly jitter?: number;
  readonly start?: Date;
  readonly end?: Date;
  readonly overlap?: NonNullable<ScheduleFields["overlap"]>;
  readonly misfire?: NonNullable<ScheduleFields["misfire"]>;
  readonly misfireWindow?: number;
  readonly pauseAfterFailures?: number;
  readonly device?: readonly string[];
  readonly selector?: Readonly<Record<string, string>>;
  readonly node?: readonly string[];
  readonly allNodes?: boolean;
  readonly shell?: string;
  readonly task?: string;
  readonly input?: string;
  readonly command?: readonly string[];
  readonly label?: Readonly<Record<string, string>>;
  readonly description?: string;
}

/** Gives a command those options. */
export function withScheduleOptions(command: Command): Command {
  return command
    .option("--file <file>", "a schedule in the JSON form of the contract, for what no option says; options go before")
    .option("--cron <expression>", "five fields (minute, hour, day, month, weekday) or six (second first)")
    .option("--time-zone <name>", "time zone of --cron, such as Europe/Berlin (default: UTC)")
    .option("--every <interval>", 'such as "every 30 seconds"')
    .option("--fixed-delay", "count --every from the end of the run before")
    .option("--start-now", "the first time of --every is at once")
    .option("--at <time>", "once, at this time, such as 2030-01-31T03:00:00Z", parseTime)
    .option("--jitter <duration>", "put each time off by a part of this, such as 30s", parseDuration)
    .option("--start <time>", "no time before this one", parseTime)
    .option("--end <time>", "no time from this one on", parseTime)
    .option(
      "--overlap <policy>",
      "while a run is under way: skip (default), queue-one, allow or cancel-previous",
      oneOf("--overlap", ["skip", "queue-one", "allow", "cancel-previous"]),
    )
    .option(
      "--misfire <policy>",
      "missed times that are made up for: skip, one (default) or all",
      oneOf("--misfire", ["skip", "one", "all"]),
    )
    .option("--misfire-window <duration>", "how late a missed time may be, such as 1h", parseDuration)
    .option(
      "--pause-after-failures <number>",
      "pause after so many runs in a row that did not succeed",
      parseInteger("--pause-after-failures", 0, 1_000),
    )
    .option("--device <name>", "a device to run on; may be repeated", collect)
    .option(
      "--selector <label=value>",
      "run on the devices with this label; may be repeated",
      collectPairs("--selector"),
    )
    .option("--node <name>", "a node to run --shell on; may be repeated", collect)
    .option("--all-nodes", "run --shell on every node, the machines that workers run on")
    .option("--shell <line>", "a program and its arguments, divided as a shell divides words; for nodes")
    .option("--task <type>", "a task to run, on devices or on nodes")
    .option("--input <json>", "what --task works on: JSON, or @file (default: {})")
    .option("-c, --command <line>", "a command line; may be repeated", collect)
    .option("--label <key=value>", "label of the schedule; may be repeated", collectPairs("--label"))
    .option("--description <text>", "what it is for");
}

/** The schedule that --file holds. */
export async function scheduleInFile({ file }: ScheduleOptions): Promise<Schedule | undefined> {
  if (file === undefined) return undefined;
  try {
    return fromJson(ScheduleSchema, JSON.parse(await readTextFile(file)) as never);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${file} holds no schedule: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** What the options say of a schedule; `line` is the command behind the dashes. */
export async function changesOf(options: ScheduleOptions, line: string): Promise<ScheduleChanges> {
  const kinds = [options.cron, options.every, options.at].filter((kind) => kind !== undefined).length;
  if (kinds > 1) throw new UsageError("only one of --cron, --every and --at");
  const { cron, timeZone, every, fixedDelay, startNow, at, start, end, overlap, misfire, description, label } = options;
  const run = options.task === undefined ? runOf(options, line) : await taskRun(options, options.task, line);
  const fields = {
    ...{ cron, timeZone, every, fixedDelay, startNow, at, overlap, misfire, description, run },
    ...{ jitterMs: options.jitter, startTime: start, endTime: end, misfireWindowMs: options.misfireWindow },
    ...{ pauseAfterFailures: options.pauseAfterFailures, labels: label },
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

async function taskRun(options: ScheduleOptions, type: string, line: string): Promise<ScheduleFields["run"]> {
  const { device, selector, command = [], node = [], allNodes, shell, input } = options;
  if (shell !== undefined || command.length > 0 || line !== "")
    throw new UsageError("--task is all the work: leave out --shell and commands");
  return {
    task: { type, input: await parseInput(input) },
    ...{ devices: device ?? [], allNodes: allNodes === true, targets: node.map((name) => ({ node: name })) },
    ...(selector && { selector: { labels: selector } }),
  };
}

function runOf(options: ScheduleOptions, line: string): ScheduleFields["run"] | undefined {
  const { device, selector, command = [], node, allNodes, shell } = options;
  if (shell !== undefined || node !== undefined || allNodes === true) {
    if (shell === undefined) throw new UsageError("no program: give it with --shell");
    if (node === undefined && allNodes !== true)
      throw new UsageError("--shell runs on nodes: say --node or --all-nodes");
    if (device !== undefined || selector !== undefined || command.length > 0 || line !== "")
      throw new UsageError("--shell is for nodes alone: leave out devices and commands");
    return { shell, allNodes: allNodes === true, targets: (node ?? []).map((name) => ({ node: name })) };
  }
  const commands = [...command, ...(line === "" ? [] : [line])];
  if (device === undefined && selector === undefined && commands.length === 0) return undefined;
  if (commands.length === 0) throw new UsageError("no command: write it behind --, or with -c");
  return { commands, ...(device && { devices: device }), ...(selector && { selector: { labels: selector } }) };
}
