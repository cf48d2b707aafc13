import type { Command } from "commander";
import { toJson, type WorkersWatchItem } from "@pointsman/sdk";
import { WorkerSchema, type Worker, type WorkerState } from "@pointsman/sdk/v1";
import type { CommandKit, CommonOptions } from "../terminal/command.js";
import { duration, labels, orderName, time, workerStateName } from "../terminal/format.js";
import { collect, collectWorkerStates } from "../terminal/parse.js";
import { facts, table } from "../terminal/table.js";
import { registerWorkerOrders } from "./worker-orders.js";

interface FilterOptions extends CommonOptions {
  readonly state?: readonly WorkerState[];
  readonly queue?: readonly string[];
  readonly node?: readonly string[];
  readonly host?: readonly string[];
  readonly zone?: readonly string[];
}

const heading = [
  "name",
  "state",
  "node",
  "zones",
  "running",
  "devices",
  "sessions",
  "ok",
  "failed",
  "heartbeat",
  "born",
];

/** `workers`: the processes that do the work. */
export function registerWorkers(program: Command, kit: CommandKit): void {
  const group = kit.command(program, "workers", "Show the workers, suspend, resume and stop them");

  const list = withFilter(kit.command(group, "list", "List the workers (the default)", { isDefault: true }));
  kit.run<FilterOptions>(list, async ({ client, options, out, signal, words }) => {
    const workers = await client.workers.list(filterOf(words, options), { signal });
    if (out.json) return await out.document({ workers: workers.map((worker) => toJson(WorkerSchema, worker)) });
    if (workers.length === 0) return await out.note("no worker");
    await out.line(table(heading, workers.map(row)));
  });

  const show = kit.command(group, "show", "Show one worker").argument("<name>", "the worker");
  kit.run<CommonOptions>(show, async ({ client, out, signal, words }) => {
    const worker = await client.workers.get(words[0] ?? "", { signal });
    if (out.json) await out.document(toJson(WorkerSchema, worker));
    else await out.line(describe(worker));
  });

  const watch = withFilter(kit.command(group, "watch", "Follow the workers: a line whenever one changes"));
  kit.run<FilterOptions>(watch, async ({ client, options, out, signal, words }) => {
    for await (const item of client.workers.watch(filterOf(words, options), {
      signal,
      onReconnect: (cuts, error) => {
        if (cuts === 1) void out.note(`${error.message}; trying to go on`);
      },
    })) {
      if (out.json) await out.record(itemJson(item));
      else if (item.kind === "changed") await out.line(row(item.worker).slice(0, 9).join("  "));
      else if (item.kind === "removed") await out.line(`${item.name}  no longer among them`);
    }
  });

  registerWorkerOrders(group, kit);
}

function withFilter(command: Command): Command {
  return command
    .argument("[names...]", "the workers (default: all)")
    .option("--state <state>", "by state; may be repeated", collectWorkerStates)
    .option("--queue <name>", "by queue: device/<name>, or a named queue; may be repeated", collect)
    .option("--node <name>", "by the node they run on; may be repeated", collect)
    .option("--host <device>", "by the device they hold; may be repeated", collect)
    .option("--zone <name>", "by zone; may be repeated", collect);
}

function filterOf(names: readonly string[], options: FilterOptions) {
  const { state = [], queue = [], node = [], host = [], zone = [] } = options;
  return {
    ...{ names: [...names], queues: [...queue], nodes: [...node], hosts: [...host], zones: [...zone] },
    states: [...state],
  };
}

/** As jobs and selections call it; of a worker of an earlier version the name of its machine. */
function nodeOf({ node, hostname }: Worker): string {
  return node || hostname;
}

function row(worker: Worker): string[] {
  return [
    worker.name,
    workerStateName(worker.state),
    `${nodeOf(worker)}/${worker.pid}`,
    worker.zones.join(","),
    `${worker.runningJobCount}/${worker.capacity}`,
    String(worker.deviceCount),
    String(worker.sessionCount),
    String(worker.successfulJobCount),
    String(worker.failedJobCount),
    time(worker.lastHeartbeat),
    time(worker.birthTime),
  ];
}

function describe(worker: Worker): string {
  const jobs = worker.currentJobs.map(({ id, queue, startTime }) => `${id}  ${queue}  since ${time(startTime)}`);
  return facts([
    ["worker", worker.name],
    ["state", workerStateName(worker.state)],
    ["told to", worker.order ? orderName(worker.order) : undefined],
    ["node", nodeOf(worker)],
    ["process", `${worker.pid} on ${worker.hostname}`],
    ["version", worker.version],
    ["labels", labels(worker.labels)],
    ["zones", worker.zones.join(", ")],
    ["running", `${worker.runningJobCount} of ${worker.capacity}`],
    ["devices", String(worker.deviceCount)],
    ["sessions", String(worker.sessionCount)],
    ["succeeded", String(worker.successfulJobCount)],
    ["failed", String(worker.failedJobCount)],
    ["heartbeat", time(worker.lastHeartbeat)],
    ["born", time(worker.birthTime)],
    ["died", time(worker.deathTime)],
    ["loop delay", duration(worker.eventLoopDelay)],
    ["claim age", duration(worker.claimAge)],
    ["queues", worker.queues.join("\n")],
    ["jobs", jobs.join("\n")],
  ]);
}

function itemJson(item: WorkersWatchItem): unknown {
  switch (item.kind) {
    case "changed":
      return { changed: toJson(WorkerSchema, item.worker) };
    case "removed":
      return { removed: item.name };
    case "synced":
      return { synced: {} };
    case "restarted":
      return { restarted: {} };
  }
}
