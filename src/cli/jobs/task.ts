import type { Command } from "commander";
import { taskOutput, toJson, type JobInput } from "@pointsman/sdk";
import { JobTypeSchema, type JobType } from "@pointsman/sdk/v1";
import type { CommandKit, CommonOptions, Context } from "../terminal/command.js";
import { effectClassName, labels, time } from "../terminal/format.js";
import { conditionsOf, withConditions } from "./job-conditions.js";
import { collect, collectPairs, oneOf, UsageError } from "../terminal/parse.js";
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
import { facts, table } from "../terminal/table.js";
import { parseInput } from "./task-input.js";

interface RunTaskOptions extends StartOptions, RolloutOptions {
  readonly input?: string;
  readonly node?: readonly string[];
  readonly zone?: string;
}

interface TypesOptions extends CommonOptions {
  readonly label?: Readonly<Record<string, string>>;
  readonly text?: string;
  readonly zone?: readonly string[];
  readonly sort?: "name" | "loaded";
}

/** `task`: job types that somebody wrote and workers have loaded. */
export function registerTask(program: Command, kit: CommandKit): void {
  const group = kit.command(program, "task", "Run tasks, the job types that workers have loaded, and list them");

  const run = kit
    .command(group, "run", "Run a task on devices, on nodes, or on none, and follow it to its end")
    .argument("<type>", "the task")
    .argument("[device...]", "devices by name")
    .option("--input <json>", "what it works on: JSON, or @file (default: {})")
    .option("--node <name>", "a node to run it on, in place of devices; may be repeated", collect)
    .option("--zone <name>", "without devices: the zone whose workers may take it (default: default)")
    .option("--request-id <id>", "makes the call safe to repeat")
    .option("--detach", "do not follow: print the ids of the jobs")
    .addHelpText(
      "after",
      "\nThe answer goes to standard output as JSON, everything else to standard error. With a selector or an option of\n" +
        "a rollout it makes a run.",
    );
  kit.run<RunTaskOptions>(withRollout(withConditions(run)), runTask, { ownInterrupt: true });

  const list = kit
    .command(group, "types", "List the tasks that workers have loaded")
    .option("--label <key=value>", "by label; all that are given must stand on it", collectPairs("--label"))
    .option("--text <text>", "by text in the name, the description or a label")
    .option("--zone <name>", "by zone of the workers that serve it; may be repeated", collect)
    .option("--sort <order>", "by name (default), or by loaded, the latest first", oneOf("--sort", ["name", "loaded"]));
  kit.run<TypesOptions>(list, listTypes);

  const show = kit.command(group, "show", "Show one task, with its schemas").argument("<type>", "the task");
  kit.run<CommonOptions>(show, async ({ client, out, signal, words }) => {
    const [name = ""] = words;
    const [type] = (await client.jobs.listTypes({ names: [name] }, { signal })).items;
    if (!type) throw new Error(`no worker has loaded a task ${name}; \`pointsman task types\` lists those there are`);
    if (out.json) await out.document(toJson(JobTypeSchema, type));
    else await out.line(describe(type));
  });
}

async function runTask(context: Context<RunTaskOptions>): Promise<number> {
  const { options, words, out } = context;
  const [type = "", ...devices] = words;
  const { node: nodes = [], zone } = options;
  if (devices.length > 0 && nodes.length > 0) throw new UsageError("name devices, or nodes with --node, not both");
  const task = { type, input: await parseInput(options.input) };
  if (asksForRun(options)) {
    refuseInRun(options, ["dedupeKey", "dedupePolicy"]);
    const [conditions] = conditionsOf(options, [""]);
    const input = {
      ...{ task, ...conditions, devices, targets: nodes.map((node) => ({ node })) },
      ...{ selector: selectorOf(options), rollout: rolloutOf(options) },
      ...{ variables: options.variable, description: options.description },
    };
    return await startRun(context, input, "task run");
  }
  const targets = devices.length > 0 ? devices : nodes.length > 0 ? nodes : [type];
  const conditions = conditionsOf(options, targets);
  const jobs = targets.map((target, index): JobInput => {
    const work = { task, ...conditions[index] };
    if (devices.length > 0) return { device: target, ...work };
    return nodes.length > 0 ? { node: target, zone, ...work } : { zone, ...work };
  });
  return await startJobs(context, targets, jobs, "task run", async (job, target) => {
    const answer = taskOutput(job);
    if (out.json || answer === undefined) return;
    const text = JSON.stringify(answer, null, out.isTerminal && targets.length === 1 ? 2 : undefined);
    await out.line(targets.length === 1 ? text : `${target}: ${text}`);
  });
}

async function listTypes({ client, options, out, signal }: Context<TypesOptions>): Promise<void> {
  const { label, text, zone, sort } = options;
  const types: JobType[] = [];
  for await (const type of client.jobs.listTypes({ labels: label, text, zones: zone }, { orderBy: sort, signal })) {
    types.push(type);
  }
  if (out.json) return await out.document({ types: types.map((type) => toJson(JobTypeSchema, type)) });
  if (types.length === 0) return await out.note("no worker has loaded such a task");
  const rows = types.map((type) => [
    type.name,
    effectClassName(type.delivery),
    String(type.workers.length),
    [...new Set(type.workers.map(({ zone }) => zone))].join(","),
    labels(type.labels),
    type.description,
  ]);
  await out.line(table(["task", "delivery", "workers", "zones", "labels", "description"], rows));
}

function describe(type: JobType): string {
  const workers = type.workers.map(({ worker, zone }) => `${worker} (${zone})`);
  return [
    facts([
      ["task", type.name],
      ["description", type.description],
      ["labels", labels(type.labels)],
      ["delivery", effectClassName(type.delivery)],
      ["may put itself off", `${type.maxDeferrals} times`],
      ["loaded", time(type.loadTime)],
      ["workers", workers.length === 0 ? "none; its jobs wait" : workers.join(", ")],
    ]),
    ...schemaText("input", type.input),
    ...schemaText("output", type.output),
  ].join("\n\n");
}

function schemaText(name: string, schema: JobType["input"]): string[] {
  if (schema?.schema.case === "jsonSchema") {
    return [`${name}\n${JSON.stringify(JSON.parse(schema.schema.value), null, 2)}`];
  }
  return schema?.schema.case === "message" ? [`${name}\nmessage ${schema.schema.value.typeName}`] : [];
}
