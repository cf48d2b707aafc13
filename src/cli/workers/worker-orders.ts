import type { Command } from "commander";
import { Option } from "commander";
import { toJson } from "@pointsman/sdk";
import { StopWorkersResponseSchema, SuspendWorkersResponseSchema, WorkerSchema, type Worker } from "@pointsman/sdk/v1";
import type { CommandKit, CommonOptions } from "../terminal/command.js";
import { workerStateName } from "../terminal/format.js";
import { collect, parseDuration, parseInteger, UsageError } from "../terminal/parse.js";
import { fateTable } from "./fates.js";

interface SelectorOptions extends CommonOptions {
  readonly queue?: readonly string[];
  readonly node?: readonly string[];
  readonly host?: readonly string[];
  readonly zone?: readonly string[];
  readonly dryRun?: boolean;
}

interface OrderOptions extends SelectorOptions {
  readonly reason?: string;
  readonly maxDevices?: number;
}

interface StopOptions extends OrderOptions {
  readonly mode: "drain" | "graceful" | "now";
  readonly grace?: number;
  readonly wait?: number;
}

/** `workers suspend`, `resume` and `stop`. */
export function registerWorkerOrders(group: Command, kit: CommandKit): void {
  const suspend = withBound(
    withSelector(kit.command(group, "suspend", "Let workers take nothing new; what runs goes on")),
  );
  kit.run<OrderOptions>(suspend, async ({ client, options, out, signal, words }) => {
    const answer = await client.workers.suspend(selectorOf(words, options), { ...orderOf(options), signal });
    if (out.json) return await out.document(toJson(SuspendWorkersResponseSchema, answer));
    await out.line(said(answer.workers, options, "suspended", answer.affectedDevices));
  });

  const resume = withSelector(kit.command(group, "resume", "Let suspended workers take work again"));
  kit.run<SelectorOptions>(resume, async ({ client, options, out, signal, words }) => {
    const validateOnly = options.dryRun ?? false;
    const workers = await client.workers.resume(selectorOf(words, options), { validateOnly, signal });
    if (out.json) return await out.document({ workers: workers.map((worker) => toJson(WorkerSchema, worker)) });
    await out.line(said(workers, options, "resumed"));
  });

  const stop = withBound(withSelector(kit.command(group, "stop", "Stop workers, and say what became of their jobs")))
    .addOption(
      new Option("--mode <mode>", "finish all, finish within --grace, or interrupt at once")
        .choices(["drain", "graceful", "now"])
        .default("drain"),
    )
    .option(
      "--grace <duration>",
      "how long running work may go on (default: the worker's drain_seconds)",
      parseDuration,
    )
    .option("--wait <duration>", "how long to wait for what becomes of the jobs, at most 60s", parseDuration);
  kit.run<StopOptions>(stop, async ({ client, options, out, signal, words }) => {
    const { mode, grace: graceMs, wait: waitMs } = options;
    const how = { ...orderOf(options), mode, graceMs, waitMs, signal };
    const answer = await client.workers.stop(selectorOf(words, options), how);
    if (out.json) return await out.document(toJson(StopWorkersResponseSchema, answer));
    await out.line(said(answer.workers, options, "told to stop", answer.affectedDevices));
    if (answer.jobs.length === 0) return;
    await out.line(fateTable(answer.jobs));
    if (answer.interruptedJobs.length > 0) await out.note(`${answer.interruptedJobs.length} jobs were interrupted`);
  });
}

function withSelector(command: Command): Command {
  return command
    .argument("[names...]", "the workers")
    .option("--queue <name>", "by queue: device/<name>, or a named queue; may be repeated", collect)
    .option("--node <name>", "by the node they run on; may be repeated", collect)
    .option("--host <device>", "by the device they hold; may be repeated", collect)
    .option("--zone <name>", "by zone; may be repeated", collect)
    .option("--dry-run", "only say what would be done");
}

function withBound(command: Command): Command {
  return command
    .option("--reason <text>", "why, for those who meet it")
    .option(
      "--max-devices <count>",
      "refuse when the workers hold more devices (default: 1 with --queue or --host)",
      parseInteger("--max-devices", 0, 2 ** 32 - 1),
    );
}

function selectorOf(names: readonly string[], { queue = [], node = [], host = [], zone = [] }: SelectorOptions) {
  if (names.length + queue.length + node.length + host.length === 0) {
    throw new UsageError("name a worker, or choose by --queue, --node or --host");
  }
  return { names: [...names], queues: [...queue], nodes: [...node], hosts: [...host], zones: [...zone] };
}

function orderOf({ reason, dryRun, maxDevices }: OrderOptions) {
  return { reason, validateOnly: dryRun, maxAffectedDevices: maxDevices };
}

function said(workers: readonly Worker[], { dryRun }: SelectorOptions, done: string, devices?: number): string {
  if (workers.length === 0) return "no worker is meant";
  const names = workers.map(({ name, state }) => `${name} (${workerStateName(state)})`).join(", ");
  const held = devices === undefined ? "" : `, with ${devices} ${devices === 1 ? "device" : "devices"}`;
  return `${dryRun ? "would be " : ""}${done}${held}: ${names}`;
}
