import type { Command } from "commander";
import { toJson } from "@pointsman/sdk";
import { JobSchema } from "@pointsman/sdk/v1";
import type { CommandKit, CommonOptions } from "../terminal/command.js";
import { oneOf } from "../terminal/parse.js";

interface ResolveOptions extends CommonOptions {
  readonly reason: string;
}

const verdicts = ["applied", "not-applied", "rerun"] as const;

/** `resolve`: what became of a job whose outcome is unknown. */
export function registerResolve(program: Command, kit: CommandKit): void {
  const command = kit
    .command(program, "resolve", "Say what became of a job whose outcome is unknown, and free its device for changes")
    .argument("<id>", "the job")
    .argument(
      "<verdict>",
      "applied: it took effect; not-applied: it did not; rerun: do it again",
      oneOf("the verdict", verdicts),
    )
    .requiredOption("--reason <text>", "how that is known");
  kit.run<ResolveOptions>(command, async ({ client, options, out, signal, words }) => {
    const kind = oneOf("the verdict", verdicts)(words[1] ?? "");
    const { job, rerunJob } = await client.jobs.resolve(words[0] ?? "", { kind, reason: options.reason }, { signal });
    if (out.json) {
      await out.document({
        job: toJson(JobSchema, job),
        ...(rerunJob ? { rerunJob: toJson(JobSchema, rerunJob) } : {}),
      });
    } else await out.line(rerunJob ? `${job.id} is run again as ${rerunJob.id}` : `${job.id} is resolved: ${kind}`);
  });
}
