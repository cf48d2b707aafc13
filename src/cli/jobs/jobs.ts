import type { Command } from "commander";
import { toJson } from "@pointsman/sdk";
import { JobSchema, type Job } from "@pointsman/sdk/v1";
import type { CommandKit, CommonOptions } from "../terminal/command.js";
import { duration, stateName, targetName, time, whyName, workName } from "../terminal/format.js";
import { jobFilterOf, withJobFilter, type JobFilterOptions } from "./job-options.js";
import { oneOf, parseInteger } from "../terminal/parse.js";
import { table } from "../terminal/table.js";

interface DeletedOption {
  readonly deleted?: boolean;
}

interface ListOptions extends CommonOptions, JobFilterOptions, DeletedOption {
  readonly order: "created" | "ended";
  readonly limit: number;
  readonly all?: boolean;
}

/** `jobs`: lists and counts. */
export function registerJobs(program: Command, kit: CommandKit): void {
  const group = kit.command(program, "jobs", "List jobs, newest first");
  const list = kit
    .command(group, "list", "List jobs, newest first (the default)", { isDefault: true })
    .option(
      "--order <order>",
      "newest first by created, or by ended: then only what has ended",
      oneOf("--order", ["created", "ended"]),
      "created",
    )
    .option("--limit <number>", "at most this many", parseInteger("--limit", 1, 1_000_000), 50)
    .option("--all", "all of them");
  group.addHelpText("after", "\nOptions of the list: see `pointsman jobs list --help`.");
  kit.run<ListOptions>(withDeleted(withJobFilter(list)), async ({ client, io, options, out, signal }) => {
    const limit = options.all ? Infinity : options.limit;
    const pageSize = Math.min(limit, 1000);
    const jobs: Job[] = [];
    let more = false;
    const filter = { ...jobFilterOf(options, io.now()), showDeleted: options.deleted ?? false };
    for await (const job of client.jobs.list(filter, { pageSize, orderBy: options.order, signal })) {
      if (jobs.length >= limit) {
        more = true;
        break;
      }
      jobs.push(job);
    }
    if (out.json) return await out.document({ jobs: jobs.map((job) => toJson(JobSchema, job)) });
    if (jobs.length === 0) return await out.note("no job");
    await out.line(jobTable(jobs));
    if (more) await out.note("there are more: --limit or --all");
  });

  const count = kit.command(group, "count", "Count jobs by state");
  type CountOptions = CommonOptions & JobFilterOptions & DeletedOption;
  kit.run<CountOptions>(withDeleted(withJobFilter(count)), async ({ client, io, options, out, signal }) => {
    const filter = { ...jobFilterOf(options, io.now()), showDeleted: options.deleted ?? false };
    const { total, byState } = await client.jobs.count(filter, { signal });
    if (out.json) return await out.document({ total, byState });
    const rows = Object.entries(byState).map(([state, number]) => [state.toLowerCase(), String(number)]);
    await out.line(table(["state", "jobs"], [...rows, ["total", String(total)]]));
  });
}

function withDeleted(command: Command): Command {
  return command.option("--deleted", "also jobs that are marked as deleted");
}

/** Jobs, one a line. */
export function jobTable(jobs: readonly Job[]): string {
  return table(
    ["id", "state", "target", "work", "created", "waited", "ran", "why"],
    jobs.map((job) => [
      job.id,
      `${stateName(job.state)}${job.deleteTime ? ", deleted" : ""}`,
      targetName(job.spec),
      workName(job.spec),
      time(job.createTime),
      duration(job.waitDuration),
      duration(job.runDuration),
      whyName(job),
    ]),
  );
}
