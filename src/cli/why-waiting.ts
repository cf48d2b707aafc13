import { PointsmanError, type Pointsman } from "@pointsman/sdk";
import { JobState, WaitingReason, type Job, type Limit } from "@pointsman/sdk/v1";
import { lockName, pauseName, targetName, time, waitingName, workName, zoneOption } from "./format.js";

/** What the explanation asks the service with. */
interface Asking {
  readonly client: Pointsman;
  readonly signal: AbortSignal;
}

/** Reasons that no line in front of the device makes go away by itself. */
const obstacles: ReadonlySet<WaitingReason> = new Set([
  WaitingReason.LOCKED,
  WaitingReason.HELD,
  WaitingReason.PAUSED,
  WaitingReason.LIMIT,
  WaitingReason.NO_WORKER,
]);

/** Whether a job waits for something other than its turn. */
export function isBlocked(job: Job): boolean {
  return obstacles.has(job.waitingReason);
}

/**
 * Why a job is not running, in one sentence, with what to do about it; empty when it does not wait. Who and what stands
 * in its way is asked of the service; what cannot be had is left out.
 */
export async function explainWaiting(asking: Asking, job: Job): Promise<string> {
  const target = targetName(job.spec);
  switch (job.waitingReason) {
    case WaitingReason.UNSPECIFIED:
      return "";
    case WaitingReason.START_TIME:
      return `its start time, ${time(job.spec?.startTime)}, has not come`;
    case WaitingReason.RETRY:
      return await retry(asking, job);
    case WaitingReason.DEVICE_BUSY:
      return await busy(asking, job, target);
    case WaitingReason.HELD:
      return held(target, job.blockingJob);
    case WaitingReason.NO_WORKER: {
      const zones = job.zone === "default" ? "" : `POINTSMAN_ZONES=${job.zone} `;
      return `no live worker serves zone ${job.zone}; start one with \`${zones}pointsman worker\``;
    }
    case WaitingReason.CLAIM:
      return "it is next; a worker is about to take it";
    case WaitingReason.LOCKED:
      return await locked(asking, job, target);
    case WaitingReason.PAUSED:
      return await paused(asking, job, target);
    case WaitingReason.LIMIT:
      return await limited(asking, job);
    default:
      // A newer service knows reasons that this command does not.
      return waitingName(job.waitingReason);
  }
}

/** What a device's hold means and what ends it. */
export function held(target: string, job: string): string {
  const resolve = `\`pointsman resolve ${job} applied|not-applied|rerun --reason …\``;
  return `device ${target} is held for job ${job}, whose outcome is unknown; look at the device, then resolve it with ${resolve}`;
}

async function retry({ client, signal }: Asking, job: Job): Promise<string> {
  const last = job.attempts.at(-1);
  const failed = last?.error ? `attempt ${last.number} failed: ${last.error.message} (${last.error.reason})` : "";
  const at = await ifKnown(signal, async () => {
    let found: Parameters<typeof time>[0];
    for await (const { event } of client.jobs.events(job.id, { pageSize: 1000, signal })) {
      if (event.case === "stateChanged") found = event.value.retryTime;
    }
    return found;
  });
  return [failed, at ? `it is tried again at ${time(at)}` : "it is tried again soon"].filter(Boolean).join("; ");
}

async function busy({ client, signal }: Asking, job: Job, target: string): Promise<string> {
  const place = job.position > 1 ? `this one has place ${job.position} in line` : "this one is next";
  if (job.blockingJob === "") return `other work is on ${target}; ${place}`;
  const other = await ifKnown(signal, () => client.jobs.get(job.blockingJob, { view: "basic", signal }));
  const what = other ? ` (${workName(other.spec)})` : "";
  if (other?.state === JobState.RUNNING || other?.state === JobState.CANCELLING) {
    return `job ${job.blockingJob}${what} runs on ${target} since ${time(other.startTime)}; ${place}`;
  }
  return `job ${job.blockingJob}${what} comes before it on ${target}; ${place}`;
}

async function locked({ client, signal }: Asking, job: Job, target: string): Promise<string> {
  if (job.spec?.target.case !== "device") return `somebody has locked the device at ${target}`;
  const device = await ifKnown(signal, () => client.devices.get(target, { signal }));
  const lock = device?.status?.lock;
  const unlock = `\`pointsman devices unlock ${target}\``;
  if (!lock) return `somebody has locked device ${target}; ${unlock} opens it`;
  return `device ${target} is locked by ${lockName(lock)}; ${lock.owner} opens it with ${unlock}, an admin with --force`;
}

async function paused({ client, signal }: Asking, job: Job, target: string): Promise<string> {
  const candidates = [
    ...(job.spec?.queue ? [{ name: job.spec.queue, zone: job.zone }] : []),
    ...(job.spec?.target.case === "device" ? [{ name: `device/${target}`, zone: "" }] : []),
  ];
  for (const { name, zone } of candidates) {
    const queue = await ifKnown(signal, () => client.queues.get(name, { zone, signal }));
    if (!queue?.pause) continue;
    return `queue ${name} is paused by ${pauseName(queue.pause)}; \`pointsman queues resume ${name}${zoneOption(zone)}\` opens it`;
  }
  return `the line of ${target} is paused`;
}

async function limited(asking: Asking, job: Job): Promise<string> {
  const { client, signal } = asking;
  const limits = (await ifKnown(signal, () => client.queues.limits({ zones: [job.zone] }, { signal }))) ?? [];
  const own = limits.flatMap((limit) => shareOf(limit, job));
  const shares = await Promise.all(
    own.map(async (share) => ({ ...share, running: await runningUnder(asking, share) })),
  );
  const full = shares.filter(({ limit, running }) => running !== undefined && running >= limit.maxRunning);
  const place = job.position > 0 ? `; this one has place ${job.position}` : "";
  // A permit may be in the hands of a job that has not started: then none looks full, and all that hold for it are told.
  const told = (full.length > 0 ? full : shares).map(({ limit, whose, running }) => {
    const many = `${limit.maxRunning} ${limit.maxRunning === 1 ? "job" : "jobs"}`;
    return `the limit ${limit.name} lets ${many} ${whose} run at a time${running === undefined ? "" : `, and ${running} do`}`;
  });
  const [first] = full.length > 0 ? full : shares;
  if (!first) return `a limit on parallel work is reached${place}`;
  return `${told.join("; ")}${place}; \`pointsman limits set ${first.limit.name} MAX${zoneOption(job.zone)}\` changes it`;
}

/** One limit that holds for a job, and the jobs it shares it with. */
interface Share {
  readonly limit: Limit;
  readonly whose: string;
  readonly filter: { queues: string[] } | { creators: string[] } | { labels: Record<string, string> };
}

function shareOf(limit: Limit, job: Job): Share[] {
  const [kind, name] = [limit.name.slice(0, limit.name.indexOf("/")), limit.name.slice(limit.name.indexOf("/") + 1)];
  if (kind === "queue" && name === job.spec?.queue) {
    return [{ limit, whose: `in queue ${name}`, filter: { queues: [name] } }];
  }
  if (kind === "caller" && name === job.creator) {
    return [{ limit, whose: `of ${name}`, filter: { creators: [name] } }];
  }
  const value = job.spec?.labels[name];
  if (kind !== "label" || value === undefined) return [];
  return [{ limit, whose: `with ${name}=${value}`, filter: { labels: { [name]: value } } }];
}

async function runningUnder({ client, signal }: Asking, { limit, filter }: Share): Promise<number | undefined> {
  const states = [JobState.RUNNING, JobState.CANCELLING];
  const count = await ifKnown(signal, () =>
    client.jobs.count({ ...filter, zones: [limit.zone], states, showDeleted: true }, { signal }),
  );
  return count?.total;
}

/** An answer that the explanation can do without. */
async function ifKnown<T>(signal: AbortSignal, ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (signal.aborted || !(error instanceof PointsmanError)) throw error;
    return undefined;
  }
}
