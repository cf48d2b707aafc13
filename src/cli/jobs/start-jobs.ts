import { toJson, type CreateManyResult, type JobInput } from "@pointsman/sdk";
import { JobSchema, type Job } from "@pointsman/sdk/v1";
import { errorJson, status, type CommonOptions, type Context } from "../terminal/command.js";
import { followJobs, statusOf, type Followed } from "./follow.js";
import { interruptible } from "../terminal/interrupt.js";
import type { ConditionOptions } from "./job-conditions.js";

/** The options of every command that makes jobs and follows them. */
export interface StartOptions extends CommonOptions, ConditionOptions {
  readonly requestId?: string;
  readonly detach?: boolean;
}

/**
 * Makes a job for each target and follows them to their ends, unless told to leave them; Ctrl-C asks to cancel. `tell`
 * has the last word on each. Answers with the exit status.
 */
export async function startJobs(
  context: Context<StartOptions>,
  targets: readonly string[],
  jobs: readonly JobInput[],
  command: string,
  tell?: (job: Job, target: string) => Promise<void>,
): Promise<number> {
  const { client, io, options, out } = context;
  return await interruptible(io, out, async (interrupt) => {
    const results = await createJobs(context, jobs, interrupt.signal);
    const accepted: Followed[] = [];
    const own: string[] = [];
    let refused = 0;
    for (const [index, result] of results.entries()) {
      const name = targets[index] ?? "";
      if (result.job) {
        accepted.push({ id: result.job.id, name });
        if (options.dedupePolicy !== "join" || !result.replayed) own.push(result.job.id);
        else if (!out.json) await out.note(`${name}: joined job ${result.job.id}; Ctrl-C leaves it alone`);
        if (options.detach) await announce(context, name, result.job);
      } else {
        refused++;
        if (out.json) await out.record({ target: name, error: errorJson(result.error) });
        else await out.note(`${name}: error: ${result.error.message} (${result.error.reason ?? result.error.code})`);
      }
    }
    if (options.detach) return refused > 0 ? status.failed : status.ok;
    interrupt.cancels(async () => {
      if (own.length === 0) return await out.note("it was there before, and is left alone");
      await client.jobs.cancelMany({ ids: own }, { interruptRunning: true, reason: `Ctrl-C at pointsman ${command}` });
    });
    const ended = await followJobs(context, accepted, interrupt.signal);
    for (const [index, job] of ended.entries()) await tell?.(job, accepted[index]?.name ?? "");
    return Math.max(statusOf(ended), refused > 0 ? status.failed : status.ok);
  });
}

async function announce({ out }: Context<StartOptions>, target: string, job: Job): Promise<void> {
  if (out.json) await out.record({ target, job: job.id, result: toJson(JobSchema, job) });
  else await out.line(job.id);
}

async function createJobs(
  { client, options }: Context<StartOptions>,
  jobs: readonly JobInput[],
  signal: AbortSignal,
): Promise<CreateManyResult[]> {
  const [only] = jobs;
  // A single job goes alone: its refusal then says which field is wrong.
  if (only && jobs.length === 1) {
    const job = await client.jobs.create(only, { requestId: options.requestId, signal });
    return [{ job, replayed: job.replayed }];
  }
  return await client.jobs.createMany(jobs, { requestId: options.requestId, signal });
}
