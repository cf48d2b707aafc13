import type { Command } from "commander";
import { toJson } from "@pointsman/sdk";
import { JobSchema } from "@pointsman/sdk/v1";
import { errorJson, status, type CommandKit, type CommonOptions } from "../terminal/command.js";
import { configurationSummary } from "./configure-summary.js";
import { targetName } from "../terminal/format.js";
import { jobFilterOf, namesJobs, withJobFilter, type JobFilterOptions } from "./job-options.js";

type ReconcileOptions = CommonOptions & JobFilterOptions;

/** `reconcile`: looks whether the lines of configurations of unknown outcome are on their devices. */
export function registerReconcile(program: Command, kit: CommandKit): void {
  const command = kit
    .command(program, "reconcile", "Look whether the lines of configurations of unknown outcome are on their devices")
    .argument("[ids...]", "the jobs; without them, every such job that the options choose")
    .addHelpText("after", "\nIt only reads, and resolves nothing: `pointsman resolve` does, with what was seen.");
  kit.run<ReconcileOptions>(withJobFilter(command), async ({ client, io, options, out, signal, words }) => {
    const filter = namesJobs(words, options) ? { ids: [...words] } : jobFilterOf(options, io.now());
    const results = await client.jobs.reconcileMany(filter, { signal });
    const met = new Set(results.map(({ id }) => id));
    const unknown = words.filter((id) => !met.has(id));
    let failed = unknown.length > 0;
    for (const { id, reconciledBy, error } of results) {
      if (reconciledBy === undefined) {
        failed = true;
        if (out.json) await out.record({ id, error: errorJson(error) });
        else await out.note(`${id}: error: ${error?.message} (${error?.reason ?? error?.code})`);
        continue;
      }
      const job = await client.jobs.wait(reconciledBy, { signal });
      if (out.json) await out.record({ id, reconciledBy: toJson(JobSchema, job) });
      else if (job.result?.result.case === "configure" && !job.error) {
        await out.line(`${id} on ${targetName(job.spec)}:\n${configurationSummary(job.result.result.value, job.spec)}`);
      } else await out.note(`${id}: error: ${job.error?.message} (${job.error?.reason})`);
      failed ||= job.error !== undefined;
    }
    for (const id of unknown) await out.note(`error: no job ${id}`);
    if (results.length === 0 && !out.json) await out.note("no configuration of unknown outcome");
    return failed ? status.failed : status.ok;
  });
}
