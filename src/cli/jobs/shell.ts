import type { Command } from "commander";
import type { JobInput } from "@pointsman/sdk";
import { WorkerState } from "@pointsman/sdk/v1";
import { wordsBehindDashes } from "../terminal/behind-dashes.js";
import type { CommandKit, Context } from "../terminal/command.js";
import { conditionsOf, withConditions } from "./job-conditions.js";
import { UsageError } from "../terminal/parse.js";
import { startJobs, type StartOptions } from "./start-jobs.js";

interface ShellOptions extends StartOptions {
  readonly allNodes?: boolean;
  readonly command?: string;
  readonly zone?: string;
}

/** `shell`: a program on nodes, one job for each, followed to the end. */
export function registerShell(program: Command, kit: CommandKit): void {
  const command = kit
    .command(program, "shell", "Run a program on nodes, the machines that workers run on")
    .usage("[options] <node...> -- <program> [words...]")
    .argument("[node...]", "nodes by name; behind --, the program and its arguments")
    .option("--all-nodes", "every node that has a worker")
    .option("-c, --command <line>", "program and arguments in one line, divided as a shell divides words")
    .option("--zone <name>", "zone of the nodes whose workers take it (default: one that they serve)")
    .option("--request-id <id>", "makes the call safe to repeat")
    .option("--detach", "do not follow: print the ids of the jobs")
    .addHelpText("after", "\nA worker runs what its setting worker.shell_commands allows, by default nothing.");
  kit.run<ShellOptions>(withConditions(command), (context) => shell(context, wordsBehindDashes(program)), {
    ownInterrupt: true,
  });
}

async function shell(context: Context<ShellOptions>, behind: number): Promise<number> {
  const { options, words } = context;
  const named = words.slice(0, words.length - behind);
  const argv = words.slice(words.length - behind);
  if ((options.command === undefined) === (argv.length === 0)) {
    throw new UsageError("which program? write it behind --, or as one line with -c");
  }
  if (named.length > 0 === (options.allNodes === true)) throw new UsageError("name nodes, or say --all-nodes");
  const nodes = options.allNodes ? await allNodes(context) : named;
  if (nodes.length === 0) throw new UsageError("no node has a worker");
  const conditions = conditionsOf(options, nodes);
  const jobs = nodes.map((node, index): JobInput => ({
    node,
    zone: options.zone,
    shell: options.command ?? argv,
    ...conditions[index],
  }));
  return await startJobs(context, nodes, jobs, "shell");
}

/** The nodes of all workers that live. */
async function allNodes({ client, options: { zone }, signal }: Context<ShellOptions>): Promise<string[]> {
  const workers = await client.workers.list({ zones: zone === undefined ? [] : [zone] }, { signal });
  const living = workers.filter(({ state }) => state !== WorkerState.DEAD);
  return [...new Set(living.map(({ node }) => node))].sort();
}
