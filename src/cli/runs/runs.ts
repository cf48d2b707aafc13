import type { Command } from "commander";
import { toJson, type RunTargetStateName } from "@pointsman/sdk";
import {
  RunOutputSchema,
  RunSchema,
  RunState,
  RunTargetState,
  RunTargetStatusSchema,
  type Run,
  type RunOutput,
  type RunTargetStatus,
} from "@pointsman/sdk/v1";
import type { CommandKit, CommonOptions } from "../terminal/command.js";
import {
  labels as labelsText,
  runStateName,
  targetStateName,
  time,
  waitingName,
  workName,
} from "../terminal/format.js";
import { collect, collectPairs, parseInteger, UsageError } from "../terminal/parse.js";
import { followRun, summary } from "./run-follow.js";
import { resultLines } from "../terminal/result-lines.js";
import { table } from "../terminal/table.js";

interface ListOptions extends CommonOptions {
  readonly state?: readonly string[];
  readonly label?: Readonly<Record<string, string>>;
  readonly creator?: readonly string[];
  readonly schedule?: readonly string[];
  readonly limit: number;
}

interface InStates extends CommonOptions {
  readonly state?: readonly string[];
}

interface Because extends CommonOptions {
  readonly reason?: string;
}

/** `runs`: one job on many devices, batch by batch. */
export function registerRuns(program: Command, kit: CommandKit): void {
  const group = kit.command(program, "runs", "Show runs over many devices, pause, resume, cancel and retry them");

  const list = kit
    .command(group, "list", "List runs, newest first (the default)", { isDefault: true })
    .option("--state <state>", "by state; may be repeated", collect)
    .option("--label <key=value>", "by label; may be repeated", collectPairs("--label"))
    .option("--creator <name>", "by creator; may be repeated", collect)
    .option("--schedule <name>", "by schedule; may be repeated", collect)
    .option("--limit <number>", "at most this many", parseInteger("--limit", 1, 100_000), 50);
  kit.run<ListOptions>(list, async ({ client, options, out, signal }) => {
    const runs: Run[] = [];
    const filter = {
      states: (options.state ?? []).map((name) => RunState[stateNamed(RunState, name)]),
      labels: { ...options.label },
      creators: [...(options.creator ?? [])],
      schedules: [...(options.schedule ?? [])],
    };
    for await (const run of client.runs.list(filter, { pageSize: Math.min(1_000, options.limit), signal })) {
      if (runs.push(run) >= options.limit) break;
    }
    if (out.json) return await out.document({ runs: runs.map((run) => toJson(RunSchema, run)) });
    if (runs.length === 0) return await out.note("no run");
    await out.line(table(["id", "state", "targets", "succeeded", "failed", "work", "created", "by"], runs.map(rowOf)));
  });

  const show = ofRun(kit.command(group, "show", "Show one run"));
  kit.run<CommonOptions>(show, async ({ client, out, signal, words }) => {
    const run = await client.runs.get(words[0] ?? "", { signal });
    if (out.json) await out.document(toJson(RunSchema, run));
    else await out.line(describe(run));
  });

  const targets = inStates(ofRun(kit.command(group, "targets", "List the targets of a run, in their order")));
  kit.run<InStates>(targets, async ({ client, options, out, signal, words }) => {
    const all: RunTargetStatus[] = [];
    const how = { states: statesOf(options), pageSize: 1_000, signal };
    for await (const target of client.runs.targets(words[0] ?? "", how)) all.push(target);
    if (out.json) return await out.document({ targets: all.map((target) => toJson(RunTargetStatusSchema, target)) });
    await out.line(table(["target", "state", "batch", "job", "why"], all.map(targetRow)));
  });

  const watch = ofRun(kit.command(group, "watch", "Follow a run to its end")).option(
    "--quiet",
    "without what the devices print",
  );
  kit.run<CommonOptions & { readonly quiet?: boolean }>(watch, async (context) =>
    followRun(context, context.words[0] ?? "", context.signal, { quiet: context.options.quiet }),
  );

  const cancel = because(ofRun(kit.command(group, "cancel", "End a run: what has not started stays untouched"))).option(
    "--interrupt-running",
    "also the jobs that have started",
  );
  kit.run<Because & { readonly interruptRunning?: boolean }>(
    cancel,
    async ({ client, options, out, signal, words }) => {
      const { interruptRunning, reason } = options;
      await tell(out, await client.runs.cancel(words[0] ?? "", { interruptRunning, reason, signal }));
    },
  );

  const pause = because(ofRun(kit.command(group, "pause", "Start nothing new; what has started goes on")));
  kit.run<Because>(pause, async ({ client, options, out, signal, words }) => {
    await tell(out, await client.runs.pause(words[0] ?? "", { reason: options.reason, signal }));
  });

  const resume = because(ofRun(kit.command(group, "resume", "Let a paused run go on")));
  kit.run<Because>(resume, async ({ client, options, out, signal, words }) => {
    await tell(out, await client.runs.resume(words[0] ?? "", { reason: options.reason, signal }));
  });

  const retry = inStates(
    ofRun(kit.command(group, "retry", "Do an ended run again for what failed or stayed untouched")),
  ).option("--request-id <id>", "makes the call safe to repeat");
  kit.run<InStates & { readonly requestId?: string }>(retry, async ({ client, options, out, signal, words }) => {
    const how = { states: statesOf(options), requestId: options.requestId, signal };
    const run = await client.runs.retry(words[0] ?? "", how);
    if (out.json) await out.document(toJson(RunSchema, run));
    else await out.line(`${run.id}  ${run.counts?.total ?? 0} targets`);
  });

  const outputs = inStates(
    ofRun(kit.command(group, "outputs", "Print what the targets gave; name those that are missing")),
  )
    .option("--diff", "what differs from the run before: of the same schedule, or the one it does again")
    .option("--diff-with <run>", "what differs from this run");
  type OutputOptions = InStates & { readonly diff?: boolean; readonly diffWith?: string };
  kit.run<OutputOptions>(outputs, async ({ client, options, out, signal, words }) => {
    const { diff, diffWith } = options;
    const compareWith = diffWith !== undefined ? { run: diffWith } : diff ? ("previous" as const) : undefined;
    const how = { states: statesOf(options), compareWith, signal };
    for await (const output of client.runs.outputs(words[0] ?? "", how)) {
      if (out.json) await out.record(toJson(RunOutputSchema, output));
      else await out.raw(`${outputText(output, compareWith !== undefined)}\n`);
    }
  });
}

function ofRun(command: Command): Command {
  return command.argument("<id>", "the run");
}

function because(command: Command): Command {
  return command.option("--reason <text>", "why, for its history");
}

function inStates(command: Command): Command {
  return command.option("--state <state>", "only targets in this state; may be repeated", collect);
}

function statesOf({ state = [] }: InStates): RunTargetStateName[] {
  return state.map((name) => stateNamed(RunTargetState, name));
}

/** A state as the contract names it, by its name in any letter case. */
function stateNamed<Name extends string>(
  states: Readonly<Record<Name | "UNSPECIFIED", number>>,
  text: string,
): Exclude<Name, "UNSPECIFIED"> {
  const names = Object.keys(states).filter((name) => name !== "UNSPECIFIED");
  const name = names.find((one) => one === text.toUpperCase());
  if (name !== undefined) return name as Exclude<Name, "UNSPECIFIED">;
  throw new UsageError(`"${text}" is no state; the states are ${names.join(", ").toLowerCase()}`);
}

async function tell(
  out: { json: boolean; document(value: unknown): Promise<void>; line(text: string): Promise<void> },
  run: Run,
): Promise<void> {
  if (out.json) await out.document(toJson(RunSchema, run));
  else await out.line(summary(run));
}

function rowOf(run: Run): string[] {
  const { counts, spec } = run;
  const bad = (counts?.failed ?? 0) + (counts?.expired ?? 0) + (counts?.indeterminate ?? 0);
  return [
    run.id,
    runStateName(run.state),
    String(counts?.total ?? 0),
    String(counts?.succeeded ?? 0),
    String(bad),
    workName(spec?.job),
    time(run.createTime),
    run.schedule === "" ? run.creator : `schedule ${run.schedule}`,
  ];
}

function describe(run: Run): string {
  const facts: string[] = [];
  const add = (name: string, value: string): void => {
    if (value !== "") facts.push(`${name.padEnd(12)}${value}`);
  };
  add("work", workName(run.spec?.job));
  add("description", run.spec?.description ?? "");
  add("labels", labelsText(run.spec?.labels ?? {}));
  add("batch", run.batches > 1 ? `${run.batch} of ${run.batches}` : "");
  add("next batch", time(run.nextBatchTime));
  add("created", `${time(run.createTime)} by ${run.creator}`);
  add("ended", time(run.endTime));
  add("changed by", run.changedBy);
  add("schedule", run.schedule);
  add("retry of", run.retryOf);
  add("retried by", run.retriedBy);
  return [summary(run), "", ...facts].join("\n");
}

function targetRow(target: RunTargetStatus): string[] {
  const why = target.error?.reason ?? waitingName(target.waitingReason);
  return [target.target, targetStateName(target.state), String(target.batch), target.jobId, why];
}

function outputText({ target, result, missing, diff, compared }: RunOutput, comparing: boolean): string {
  const name = target?.target ?? "";
  if (missing !== "") return `== ${name}: missing: ${missing}`;
  if (!comparing) return [`== ${name}`, ...resultLines(result)].join("\n");
  if (!compared) return `== ${name}: nothing to compare with`;
  return diff === "" ? `== ${name}: no difference` : `== ${name}\n${diff.trimEnd()}`;
}
