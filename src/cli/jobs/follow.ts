import { commandResults, isFinal, toJson, type JobWatchItem } from "@pointsman/sdk";
import { JobEventSchema, JobSchema, JobState, type Job, type JobEvent } from "@pointsman/sdk/v1";
import { status, type Context } from "../terminal/command.js";
import { howToResolve } from "./doubt.js";
import { effectName, stateName, whyName } from "../terminal/format.js";
import { remarkOf } from "./remark.js";
import { explainWaiting, isBlocked } from "../terminal/why-waiting.js";

/** A job to follow, and the name its lines go by. */
export interface Followed {
  readonly id: string;
  readonly name: string;
}

/** Followed at a time. The others are not late: a watch begins with everything that was before it. */
const followedAtOnce = 200;

/**
 * Follows jobs to their ends: output on standard output, behind the device's name when there are several, everything
 * else on standard error. Answers with the jobs as they ended, in the order given.
 */
export async function followJobs(
  context: Pick<Context<unknown>, "client" | "out">,
  jobs: readonly Followed[],
  signal: AbortSignal,
): Promise<Job[]> {
  const ended: Job[] = [];
  const several = jobs.length > 1;
  let next = 0;
  const follower = async (): Promise<void> => {
    for (let index = next++; index < jobs.length; index = next++) {
      const followed = jobs[index];
      if (followed) ended[index] = await followJob(context, followed, several, signal);
    }
  };
  await Promise.all(Array.from({ length: Math.min(followedAtOnce, jobs.length) }, follower));
  return ended;
}

/** The exit status that tells how jobs ended: unknown outcome first, then failure. */
export function statusOf(jobs: readonly Job[]): number {
  if (jobs.some((job) => job.state === JobState.INDETERMINATE)) return status.indeterminate;
  return jobs.every((job) => job.state === JobState.SUCCEEDED) ? status.ok : status.failed;
}

async function followJob(
  { client, out }: Pick<Context<unknown>, "client" | "out">,
  { id, name }: Followed,
  several: boolean,
  signal: AbortSignal,
): Promise<Job> {
  const tell = (text: string): Promise<void> => (out.json ? Promise.resolve() : out.note(`${name}: ${text}`));
  const lines = createLines(several ? (line) => out.raw(`${name}: ${line}`) : (text) => out.raw(text), several);
  const items = client.jobs.watch(id, {
    signal,
    onReconnect: (cuts, error) => {
      if (cuts === 1) void tell(`${error.message}; trying to go on from there`);
    },
  });
  let commands = 1;
  /** What a task's device prints is the task's; the task has an answer. */
  let isTask = false;
  let told = 0;
  for await (const item of items) {
    if (item.kind === "snapshot") {
      if (item.job.spec?.operation.case === "commands") commands = item.job.spec.operation.value.commands.length;
      isTask = item.job.spec?.operation.case === "task";
      if (isTask) commands = Infinity;
      told = item.job.lastEvent;
      // One job's follower is told what stands in its way; for many at once that would be as many questions.
      if (!several && !out.json && isBlocked(item.job)) {
        await tell(`job ${id} waits: ${await explainWaiting({ client, signal }, item.job)}`);
        continue;
      }
    }
    if (out.json) {
      if (item.kind === "event") {
        await out.record({ target: name, job: id, event: toJson(JobEventSchema, item.event) });
      }
      continue;
    }
    if (item.kind === "event" && item.event.event.case === "output") {
      // What belongs to no command, such as a difference, is told from the result.
      if (item.event.event.value.command > 0 && !isTask) await lines.take(item.event.event.value.text);
    } else {
      // The snapshot has told the state that the history leads to.
      if (item.kind === "event" && item.event.event.case === "stateChanged" && item.event.number <= told) continue;
      const text = remark(item, commands);
      if (text === undefined) continue;
      await lines.flush();
      await tell(text);
    }
  }
  await lines.flush();
  const job = await client.jobs.get(id, { signal });
  if (out.json) await out.record({ target: name, job: id, result: toJson(JobSchema, job) });
  else await tell(ending(job));
  return job;
}

/** Divides output into lines where each must be whole; else lets it through as it comes, ending with a newline. */
function createLines(write: (text: string) => Promise<void>, whole: boolean) {
  let rest = "";
  let midLine = false;
  return {
    async take(text: string): Promise<void> {
      if (!whole) {
        if (text !== "") midLine = !text.endsWith("\n");
        return await write(text);
      }
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) await write(`${line}\n`);
    },
    async flush(): Promise<void> {
      if (midLine) await write("\n");
      if (rest !== "") await write(`${rest}\n`);
      midLine = false;
      rest = "";
    },
  };
}

function remark(item: JobWatchItem, commands: number): string | undefined {
  switch (item.kind) {
    case "snapshot": {
      if (isFinal(item.job.state)) return undefined;
      const why = whyName(item.job);
      return `job ${item.job.id} ${stateName(item.job.state)}${why ? `: ${why}` : ""}`;
    }
    case "event":
      return eventRemark(item.event, commands);
    case "synced":
      return undefined;
  }
}

function eventRemark({ event, attempt }: JobEvent, commands: number): string | undefined {
  switch (event.case) {
    case "stateChanged": {
      const { state, worker, error } = event.value;
      // How it ended is told once, with everything that is known by then.
      if (isFinal(state)) return undefined;
      const again = attempt > 1 ? `, attempt ${attempt}` : "";
      return `${stateName(state)}${worker ? ` on ${worker}` : ""}${again}${error ? `: ${error.message} (${error.reason})` : ""}`;
    }
    case "commandStarted":
      return commands > 1 ? `> ${event.value.line}` : undefined;
    case "log":
    case "progress":
      return remarkOf({ event });
    case "cancelRequested":
      return `cancelling asked for by ${event.value.caller}${event.value.reason ? `: ${event.value.reason}` : ""}`;
    case "output":
    case "commandEnded":
    case "resolved":
    case undefined:
      return undefined;
  }
}

/** How a job ended, with what a person needs to go on. */
export function ending(job: Job): string {
  const lines = [stateName(job.state)];
  if (job.state === JobState.INDETERMINATE && job.resolution === undefined) {
    lines[0] += ": outcome unknown, device held";
    lines.push(howToResolve(job));
  }
  if (job.error) {
    lines.push(`${job.error.message} (${job.error.reason})`);
    if (job.error.deviceMessage) lines.push(`the device said: ${job.error.deviceMessage.trim()}`);
    for (const [key, value] of Object.entries(job.error.metadata)) lines.push(`${key}: ${value}`);
  }
  const effect = effectName(job.effect);
  const isConfigure = job.spec?.operation.case === "configure";
  const count = job.spec?.operation.case === "commands" ? job.spec.operation.value.commands.length : 0;
  if (job.state !== JobState.SUCCEEDED && (effect === "partial" || effect === "complete")) {
    const confirmed = isConfigure ? `${job.lastConfirmedStep} steps` : `${job.lastConfirmedStep} of ${count} commands`;
    lines.push(`effect ${effect}: ${confirmed} confirmed`);
  }
  if (commandResults(job).some((result) => result.outputTruncated)) lines.push("the output was cut at the job's limit");
  return lines.join("\n  ");
}
