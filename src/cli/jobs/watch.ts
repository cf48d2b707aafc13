import type { Command } from "commander";
import { toJson, type JobsWatchItem } from "@pointsman/sdk";
import { JobSchema } from "@pointsman/sdk/v1";
import type { CommandKit, CommonOptions, Context } from "../terminal/command.js";
import { followJobs, statusOf } from "./follow.js";
import { stateName, targetName, time, whyName, workName } from "../terminal/format.js";
import { choosesJobs, jobFilterOf, withJobFilter, type JobFilterOptions } from "./job-options.js";
import { UsageError } from "../terminal/parse.js";

type WatchOptions = CommonOptions & JobFilterOptions;

/** `watch`: one job to its end, or every job that a filter meets. */
export function registerWatch(program: Command, kit: CommandKit): void {
  const command = kit
    .command(program, "watch", "Follow a job with its output to its end, or the states of many jobs")
    .argument("[id]", "the job; without it, every job that the options choose");
  kit.run<WatchOptions>(withJobFilter(command), async (context) => {
    const id = context.words[0];
    if (id === undefined) return await watchMany(context);
    if (choosesJobs(context.options)) throw new UsageError("name a job, or choose jobs by options, not both");
    const job = await context.client.jobs.get(id, { view: "basic", signal: context.signal });
    return statusOf(await followJobs(context, [{ id, name: targetName(job.spec) || id }], context.signal));
  });
}

async function watchMany({ client, io, options, out, signal }: Context<WatchOptions>): Promise<void> {
  const items = client.jobs.watchMany(jobFilterOf(options, io.now()), {
    signal,
    onReconnect: (cuts, error) => {
      if (cuts === 1) void out.note(`${error.message}; trying to go on from there`);
    },
  });
  for await (const item of items) {
    if (out.json) await out.record(itemJson(item));
    else if (item.kind === "restarted") await out.note("the history is gone: every job comes again");
    else if (item.kind === "removed") await out.line(`${item.id}  no longer among them`);
    else if (item.kind === "changed") {
      const { job } = item;
      const fields = [time(job.endTime ?? job.startTime ?? job.createTime), job.id, stateName(job.state).padEnd(13)];
      await out.line([...fields, targetName(job.spec), workName(job.spec), whyName(job)].join("  ").trimEnd());
    }
  }
}

function itemJson(item: JobsWatchItem): unknown {
  switch (item.kind) {
    case "changed":
      return { changed: toJson(JobSchema, item.job), cursor: item.cursor };
    case "removed":
      return { removed: item.id, cursor: item.cursor };
    case "synced":
      return { synced: {}, cursor: item.cursor };
    case "restarted":
      return { restarted: {} };
  }
}
