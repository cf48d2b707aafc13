import type { Command } from "commander";
import { toJson } from "@pointsman/sdk";
import { CancelJobsResultSchema, CancelOutcome } from "@pointsman/sdk/v1";
import { status, type CommandKit, type CommonOptions } from "../terminal/command.js";
import { jobFilterOf, namesJobs, withJobFilter, type JobFilterOptions } from "./job-options.js";

interface CancelOptions extends CommonOptions, JobFilterOptions {
  readonly interruptRunning?: boolean;
  readonly reason?: string;
}

const outcomes: Record<number, string> = {
  [CancelOutcome.CANCELLED]: "cancelled",
  [CancelOutcome.CANCELLING]: "told to stop",
  [CancelOutcome.RUNNING]: "runs, left alone",
  [CancelOutcome.FINAL]: "had ended before",
  [CancelOutcome.RECONCILING]: "left alone: whether it was made is not known yet",
};

/** `cancel`: by id or by filter. */
export function registerCancel(program: Command, kit: CommandKit): void {
  const command = kit
    .command(program, "cancel", "Cancel jobs: those that wait, or with --interrupt-running also those that run")
    .argument("[ids...]", "the jobs; without them, every job that the options choose")
    .option("--interrupt-running", "also what has started")
    .option("--reason <text>", "why, for the history");
  kit.run<CancelOptions>(withJobFilter(command), async ({ client, io, options, out, signal, words }) => {
    const filter = namesJobs(words, options) ? { ids: [...words] } : jobFilterOf(options, io.now());
    const { interruptRunning, reason } = options;
    const totals = await client.jobs.cancelMany(filter, { interruptRunning, reason, signal });
    const met = new Set(totals.results.map(({ id }) => id));
    const unknown = words.filter((id) => !met.has(id));
    if (out.json) {
      const results = totals.results.map((result) => toJson(CancelJobsResultSchema, result));
      await out.document({
        cancelledCount: totals.cancelledCount,
        cancelledIds: totals.cancelledIds,
        results,
        unknown,
      });
    } else {
      for (const { id, outcome } of totals.results) await out.line(`${id}  ${outcomes[outcome] ?? "unknown outcome"}`);
      for (const id of unknown) await out.note(`error: no job ${id}`);
      await out.note(`${totals.cancelledCount} cancelled or told to stop`);
      const alone = totals.results.filter(({ outcome }) => outcome === CancelOutcome.RUNNING).length;
      if (alone > 0) await out.note(`${alone} left running; --interrupt-running stops them`);
    }
    return unknown.length > 0 ? status.failed : status.ok;
  });
}
