import type { Command } from "commander";
import { errorJson, status, type CommandKit, type CommonOptions } from "../terminal/command.js";
import { jobFilterOf, namesJobs, withJobFilter, type JobFilterOptions } from "./job-options.js";
import { UsageError } from "../terminal/parse.js";

type RetryOptions = CommonOptions & JobFilterOptions;

/** `retry`: does ended jobs again, by id or by filter. */
export function registerRetry(program: Command, kit: CommandKit): void {
  const command = kit
    .command(program, "retry", "Do ended jobs again, each as a new job with the same specification")
    .argument("[ids...]", "the jobs; without them, every ended job that the options choose")
    .addHelpText(
      "after",
      "\nChosen by options, --state says which ends are meant: --state failed,expired --since 1h, for instance.\n" +
        "A job whose outcome is unknown is not among them before `pointsman resolve` has said what became of it.",
    );
  kit.run<RetryOptions>(withJobFilter(command), async ({ client, io, options, out, signal, words }) => {
    const named = namesJobs(words, options);
    if (!named && options.state === undefined) {
      // What succeeded meets a filter too, and doing a change twice is seldom meant.
      throw new UsageError("which ends are meant? say --state failed, for instance");
    }
    const filter = named ? { ids: [...words] } : jobFilterOf(options, io.now());
    const { retriedCount, results } = await client.jobs.retryMany(filter, { signal });
    const met = new Set(results.map(({ id }) => id));
    const unknown = words.filter((id) => !met.has(id));
    if (out.json) {
      await out.document({
        retriedCount,
        results: results.map(({ id, retriedBy, error }) =>
          error ? { id, error: errorJson(error) } : { id, retriedBy },
        ),
        unknown,
      });
    } else {
      for (const { id, retriedBy, error } of results) {
        if (error) await out.note(`${id}: error: ${error.message} (${error.reason ?? error.code})`);
        else await out.line(`${id}  is done again as ${retriedBy}`);
      }
      for (const id of unknown) await out.note(`error: no job ${id}`);
      await out.note(`${retriedCount} done again`);
    }
    return unknown.length > 0 || results.some(({ error }) => error) ? status.failed : status.ok;
  });
}
