import type { Command } from "commander";
import type { ConfigCheckInput, ConfigureInput } from "@pointsman/sdk";
import type { Job } from "@pointsman/sdk/v1";
import { readTextFile, type CommandKit, type Context } from "../terminal/command.js";
import { configurationSummary } from "./configure-summary.js";
import { conditionsOf, withConditions } from "./job-conditions.js";
import { oneOf, parseDuration, parseTarget, UsageError } from "../terminal/parse.js";
import {
  asksForRun,
  refuseInRun,
  rolloutOf,
  type RolloutOptions,
  selectorOf,
  withRollout,
} from "../runs/rollout-options.js";
import { startJobs, type StartOptions } from "./start-jobs.js";
import { startRun } from "../runs/start-run.js";
import { wordsBehindDashes } from "../terminal/behind-dashes.js";

interface ConfigureOptions extends StartOptions, RolloutOptions {
  readonly file?: string;
  readonly plan?: boolean;
  readonly reconcile?: boolean;
  readonly kind?: "merge" | "replace" | "set";
  readonly before?: string;
  readonly linesOf?: string;
  readonly keep?: boolean;
  readonly confirmed?: number;
  readonly save?: boolean;
  readonly check?: readonly ConfigCheckInput[];
  readonly preCheck?: readonly ConfigCheckInput[];
  readonly planHash?: string;
  readonly acceptUnproven?: boolean;
  readonly acceptReboot?: boolean;
  readonly waitForReturn?: number;
}

/** `configure`: one change for each device, followed to the end. */
export function registerConfigure(program: Command, kit: CommandKit): void {
  const command = kit
    .command(program, "configure", "Plan or change the configuration of devices, line by line")
    .usage("[options] [device...] -- <line...>")
    .argument("[device...]", "devices by name; behind --, lines of configuration, one in each word")
    .option("-f, --file <file>", "take the lines from a file; - is standard input")
    .option("--lines-of <job>", "take the lines of an earlier job of the device")
    .option("--before <job>", "go back to what ran before a job that kept it (--keep); --plan it first")
    .option(
      "--kind <kind>",
      "merge (the default), replace or set",
      oneOf("--kind", ["merge", "replace", "set"] as const),
    )
    .option("--plan", "tell the difference, and change nothing")
    .option("--reconcile", "tell of each line whether it is on the device, and change nothing")
    .option("--keep", "keep the running configuration, before and after, in the result")
    .option(
      "--confirmed <duration>",
      "have the device take the change back unless it is confirmed by then",
      parseDuration,
    )
    .option("--save", "save the running configuration at the end")
    .option("--check <command=text>", "confirm and save only when the command's output holds the text", collectChecks)
    .option(
      "--pre-check <command=text>",
      "change something only when the command's output holds the text",
      collectChecks,
    )
    .option("--plan-hash <hash>", "change something only when a plan made now would have this hash")
    .option("--accept-unproven", "allow what is known of the platform from documents only; see `platforms`")
    .option("--accept-reboot", "allow a --confirmed whose end reboots the device")
    .option(
      "--wait-for-return <duration>",
      "wait so long for a device to which the last line cuts the way, such as 2m",
      parseDuration,
    )
    .option("--request-id <id>", "makes the call safe to repeat")
    .option("--detach", "do not follow: print the ids of the jobs")
    .addHelpText(
      "after",
      "\nA text in a check that begins with ! must not stand in the output. Ends with 0 when every job succeeded, 3 when an\n" +
        "outcome is unknown, else 1. Ctrl-C lets the line under way finish, then leaves the configuration.",
    );
  kit.run<ConfigureOptions>(
    withRollout(withConditions(command)),
    (context) => configure(context, wordsBehindDashes(program)),
    {
      ownInterrupt: true,
    },
  );
}

async function configure(context: Context<ConfigureOptions>, behind: number): Promise<number> {
  const { options, out, words } = context;
  const targets = words.slice(0, words.length - behind);
  const typed = words.slice(words.length - behind);
  if (targets.length === 0 && selectorOf(options) === undefined) throw new UsageError("no device is named");
  const sources = [typed.length > 0, options.file, options.before, options.linesOf].filter(Boolean);
  if (sources.length !== 1) {
    throw new UsageError("give the lines either behind --, or with --file, --lines-of or --before");
  }
  if ([options.plan, options.reconcile, options.confirmed].filter(Boolean).length > 1) {
    throw new UsageError("--plan, --reconcile and --confirmed exclude each other");
  }
  for (const target of targets) {
    if (!("device" in parseTarget(target))) throw new UsageError(`"${target}" is no name of a device in the inventory`);
  }
  const work: ConfigureInput = {
    lines: typed.length > 0 ? typed : options.file === undefined ? undefined : await readText(context, options.file),
    linesOf: options.linesOf,
    beforeJob: options.before,
    kind: options.kind,
    mode: modeOf(options),
    keepBeforeAfter: options.keep,
    save: options.save,
    confirmTimeoutMs: options.confirmed,
    preChecks: options.preCheck,
    postChecks: options.check,
    planHash: options.planHash,
    acceptUnproven: options.acceptUnproven,
    acceptReboot: options.acceptReboot,
    waitForReturnMs: options.waitForReturn,
  };
  if (asksForRun(options)) {
    refuseInRun(options, ["dedupeKey", "dedupePolicy"]);
    const [common] = conditionsOf(options, [""]);
    const { variable: variables, description } = options;
    const where = { devices: targets, selector: selectorOf(options), rollout: rolloutOf(options) };
    return await startRun(context, { configure: work, ...common, ...where, variables, description }, "configure");
  }
  const conditions = conditionsOf(options, targets);
  const jobs = targets.map((device, index) => ({ device, configure: work, ...conditions[index] }));
  return await startJobs(context, targets, jobs, "configure", async (job: Job, target: string) => {
    if (out.json || job.result?.result.case !== "configure") return;
    const summary = configurationSummary(job.result.result.value, job.spec);
    if (summary === "") return;
    const lines = targets.length > 1 ? summary.split("\n").map((line) => `${target}: ${line}`) : [summary];
    await out.raw(`${lines.join("\n")}\n`);
  });
}

function modeOf({ plan, reconcile, confirmed }: ConfigureOptions): ConfigureInput["mode"] {
  if (plan) return "plan";
  if (reconcile) return "reconcile";
  return confirmed === undefined ? "apply" : "apply-confirmed";
}

async function readText({ io }: Context<ConfigureOptions>, file: string): Promise<string> {
  if (file !== "-") return await readTextFile(file);
  let text = "";
  for await (const chunk of io.stdin) text += String(chunk);
  return text;
}

/** Collects checks; those of one command belong together. The first "=" divides. */
export function collectChecks(text: string, before: readonly ConfigCheckInput[] = []): ConfigCheckInput[] {
  const at = text.indexOf("=");
  const command = text.slice(0, Math.max(at, 0)).trim();
  const wanted = text.slice(at + 1);
  if (command === "" || wanted === "" || wanted === "!") {
    throw new UsageError(`a check is written like "show version=15.2", not "${text}"`);
  }
  const known = before.find((check) => check.command === command) ?? { command };
  const check = wanted.startsWith("!")
    ? { ...known, exclude: [...(known.exclude ?? []), wanted.slice(1)] }
    : { ...known, include: [...(known.include ?? []), wanted] };
  return [...before.filter((one) => one.command !== command), check];
}
