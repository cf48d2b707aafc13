import type { Command } from "commander";
import type { RolloutInput, SelectorInput } from "@pointsman/sdk";
import { collect, collectPairs, parseDuration, parseInteger, UsageError } from "../terminal/parse.js";

/** Devices that one run can have. */
const most = 100_000;

/** The options that make a run: which devices of the inventory, and how it goes from one to the next. */
export interface RolloutOptions {
  readonly selector?: Readonly<Record<string, string>>;
  readonly selectPlatform?: readonly string[];
  readonly selectZone?: readonly string[];
  readonly selectAll?: boolean;
  readonly canary?: number;
  readonly batch?: number | `${number}%`;
  readonly maxParallel?: number;
  readonly maxParallelBy?: Readonly<Record<string, string>>;
  readonly redundancyLabel?: string;
  readonly pauseBetween?: number;
  readonly holdAfterCanary?: boolean;
  readonly maxFailures?: { readonly count?: number; readonly percent?: number };
  readonly minSuccess?: number;
  readonly pauseOnFailure?: boolean;
  readonly variable?: Readonly<Record<string, string>>;
  readonly description?: string;
}

/** Gives a command those options. */
export function withRollout(command: Command): Command {
  return command
    .option("--selector <label=value>", "a run over the devices with this label; may be repeated", selectorPairs)
    .option("--select-platform <name>", "a run over the devices of this platform; may be repeated", collect)
    .option("--select-zone <name>", "a run over the devices of this zone; may be repeated", collect)
    .option("--select-all", "a run over every device there is")
    .option("--canary <number>", "so many go first and alone; unless all succeed, the run stops", count("--canary"))
    .option("--batch <number|percent>", "devices in a batch, such as 50 or 10%", parseBatch)
    .option("--max-parallel <number>", "so many at a time", count("--max-parallel"))
    .option(
      "--max-parallel-by <label=number>",
      "so many at a time of each value of a label; may be repeated",
      collectPairs("--max-parallel-by"),
    )
    .option("--redundancy-label <name>", "of the devices with one value of this label, never two at a time")
    .option("--pause-between <duration>", "wait between two batches, such as 5m", parseDuration)
    .option("--hold-after-canary", "pause behind the canary until `pointsman runs resume`")
    .option("--max-failures <number|percent>", "stop when so many have failed; the rest stays untouched", parseFailures)
    .option(
      "--min-success <percent>",
      "stop behind a batch of which less succeeded",
      parseInteger("--min-success", 1, 100),
    )
    .option("--pause-on-failure", "pause where it would stop")
    .option(
      "--variable <name=value>",
      "{{name}} in commands stands for the value; {{device}}, {{address}}, {{label.site}} are known; may be repeated",
      collectPairs("--variable"),
    )
    .option("--description <text>", "what the run is for");
}

/** Whether a command is to make a run in the place of jobs of their own. */
export function asksForRun(options: RolloutOptions): boolean {
  return (
    selectorOf(options) !== undefined ||
    Object.values(rolloutOf(options)).some((value) => value !== undefined) ||
    options.variable !== undefined ||
    options.description !== undefined
  );
}

/** The devices of the inventory that are meant; undefined: none but those named. */
export function selectorOf(options: RolloutOptions): SelectorInput | undefined {
  const { selector: labels, selectPlatform: platforms, selectZone: zones, selectAll: all } = options;
  if (labels === undefined && platforms === undefined && zones === undefined && !all) return undefined;
  return { labels, platforms, zones, all };
}

/** How the run goes from device to device. */
export function rolloutOf(options: RolloutOptions): RolloutInput {
  const by = Object.entries(options.maxParallelBy ?? {}).map(
    ([label, number]) => [label, count("--max-parallel-by")(number)] as const,
  );
  return {
    canary: options.canary,
    batch: options.batch,
    maxParallel: options.maxParallel,
    maxParallelByLabel: by.length > 0 ? Object.fromEntries(by) : undefined,
    redundancyLabel: options.redundancyLabel,
    pauseBetweenMs: options.pauseBetween,
    holdAfterCanary: options.holdAfterCanary,
    maxFailures: options.maxFailures?.count,
    maxFailurePercent: options.maxFailures?.percent,
    minSuccessPercent: options.minSuccess,
    pauseOnFailure: options.pauseOnFailure,
  };
}

function count(name: string): (text: string) => number {
  return parseInteger(name, 1, most);
}

/** "site=fra", several divided by commas, repeated. */
function selectorPairs(text: string, before?: Record<string, string>): Record<string, string> {
  const pairs = collectPairs("--selector");
  return text.split(",").reduce<Record<string, string>>((found, pair) => pairs(pair, found), before ?? {});
}

function parseBatch(text: string): number | `${number}%` {
  if (!text.endsWith("%")) return count("--batch")(text);
  return `${parseInteger("--batch", 1, 100)(text.slice(0, -1))}%`;
}

function parseFailures(text: string): { readonly count?: number; readonly percent?: number } {
  if (text.endsWith("%")) return { percent: parseInteger("--max-failures", 1, 100)(text.slice(0, -1)) };
  return { count: count("--max-failures")(text) };
}

/** Refuses options that a run does not have. */
export function refuseInRun<O extends object>(options: O, names: readonly (keyof O & string)[]): void {
  const given = names.find((name) => options[name] !== undefined);
  if (given === undefined) return;
  const flag = given.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new UsageError(`--${flag} is for jobs of their own; a run makes its jobs by itself`);
}
