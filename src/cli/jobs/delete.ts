import type { Command } from "commander";
import { PointsmanError, toJson, type Pointsman } from "@pointsman/sdk";
import { JobSchema, type Job } from "@pointsman/sdk/v1";
import { errorJson, status, type CommandKit, type CommonOptions } from "../terminal/command.js";

/** `delete` and `undelete`: the mark that takes ended jobs out of lists. */
export function registerDelete(program: Command, kit: CommandKit): void {
  const remove = kit.command(program, "delete", "Take ended jobs out of lists; they stay readable by id for a while");
  markEach(kit, remove, "deleted", (jobs, id, signal) => jobs.delete(id, { signal }));
  const restore = kit.command(program, "undelete", "Put deleted jobs back into lists");
  markEach(kit, restore, "back in lists", (jobs, id, signal) => jobs.undelete(id, { signal }));
}

function markEach(
  kit: CommandKit,
  command: Command,
  done: string,
  mark: (jobs: Pointsman["jobs"], id: string, signal: AbortSignal) => Promise<Job>,
): void {
  command.argument("<ids...>", "the jobs");
  kit.run<CommonOptions>(command, async ({ client, out, signal, words }) => {
    const results: unknown[] = [];
    let refused = 0;
    for (const id of words) {
      try {
        const job = await mark(client.jobs, id, signal);
        results.push({ id, job: toJson(JobSchema, job) });
        if (!out.json) await out.line(`${id}  ${done}`);
      } catch (error) {
        // One that is refused does not hinder the others; a service that does not answer hinders all.
        if (!(error instanceof PointsmanError) || error.reason === undefined || words.length === 1) throw error;
        refused++;
        results.push({ id, error: errorJson(error) });
        if (!out.json) await out.note(`${id}: error: ${error.message} (${error.reason})`);
      }
    }
    if (out.json) await out.document({ results });
    return refused > 0 ? status.failed : status.ok;
  });
}
