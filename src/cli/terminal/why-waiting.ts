import { PointsmanError, type Pointsman } from "@pointsman/sdk";
import { type DeviceHold, JobState, WaitingReason, type Job } from "@pointsman/sdk/v1";
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
  WaitingReason.FROZEN,
  WaitingReason.NO_WORKER,
  WaitingReason.BREAKER_OPEN,
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
      return retry(job);
    case WaitingReason.BREAKER_OPEN: {
      const why = job.attempts.at(-1)?.error?.message ?? "too many connections failed in a row";
      const when = `it is looked at again at ${time(job.retryTime)} at the latest`;
      return `${why}; ${when}; \`pointsman devices reset-breaker ${target}\` lets it go on`;
    }
    case WaitingReason.DEVICE_BUSY:
      return await busy(asking, job, target);
    case WaitingReason.HELD:
      return job.blockingJob === "" ? await heldOtherwise(asking, job, target) : held(target, job.blockingJob);
    case WaitingReason.RECONCILING:
      return "Redis came back with another history; nothing starts until the workers' journals are read, some seconds";
    case WaitingReason.NO_WORKER: {
      const zones = job.zone === "default" ? "" : `POINTSMAN_ZONES=${job.zone} `;
      const start = `start one with \`${zones}pointsman worker\``;
      return `no live worker takes work of zone ${job.zone}; ${start}, or resume one that is suspended`;
    }
    case WaitingReason.CLAIM:
      return "it is next; a worker is about to take it";
    case WaitingReason.LOCKED:
      return await locked(asking, job, target);
    case WaitingReason.PAUSED:
      return await paused(asking, job, target);
    case WaitingReason.LIMIT:
      return await limited(asking, job);
    case WaitingReason.FROZEN:
      return await frozen(asking, job);
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

/** What it means that a device is held, for whatever reason, and what ends it. */
export function holdOf(target: string, { job, worker, restored }: DeviceHold): string {
  if (restored) {
    return `Redis came back with old data, and changes that wait for ${target} may have been made since; look, then let them go on with \`pointsman admit-restored\``;
  }
  if (worker === "") return held(target, job);
  return `the journal of worker ${worker} is missing, and what it sent last to ${target} is not known; start it again, or look at the device and give it up with \`pointsman forget-worker ${worker}\``;
}

async function heldOtherwise({ client, signal }: Asking, job: Job, target: string): Promise<string> {
  if (job.spec?.target.case !== "device") return `${target} is held: what was sent to it last is not known`;
  const device = await ifKnown(signal, () => client.devices.get(target, { signal }));
  const hold = device?.status?.hold;
  return hold ? holdOf(target, hold) : `device ${target} was held until just now`;
}

function retry(job: Job): string {
  const last = job.attempts.at(-1);
  const failed = last?.error ? `attempt ${last.number} failed: ${last.error.message} (${last.error.reason})` : "";
  const again = job.retryTime ? `it is tried again at ${time(job.retryTime)}` : "it is tried again soon";
  return [failed, again].filter(Boolean).join("; ");
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
  const named = job.blockingLimit.startsWith("queue/");
  if (!named && job.spec?.target.case !== "device") return `the line of ${target} is paused`;
  const { name, zone } = named
    ? { name: job.blockingLimit.slice("queue/".length), zone: job.zone }
    : { name: `device/${target}`, zone: "" };
  const queue = await ifKnown(signal, () => client.queues.get(name, { zone, signal }));
  const by = queue?.pause ? ` by ${pauseName(queue.pause)}` : "";
  return `queue ${name} is paused${by}; \`pointsman queues resume ${name}${zoneOption(zone)}\` opens it`;
}

async function limited({ client, signal }: Asking, job: Job): Promise<string> {
  const place = job.position > 0 ? `; this one has place ${job.position}` : "";
  const share = shareOf(job.blockingLimit);
  if (!share) return `a limit on parallel work is reached${place}`;
  const { name, whose, filter } = share;
  const zones = [job.zone];
  const limits = await ifKnown(signal, () => client.queues.limits({ zones }, { signal }));
  const most = limits?.find((limit) => limit.name === name)?.maxRunning;
  const states = [JobState.RUNNING, JobState.CANCELLING];
  const running = await ifKnown(signal, () =>
    client.jobs.count({ ...filter, zones, states, showDeleted: true }, { signal }),
  );
  const many = most === undefined ? "no more jobs" : `${most} ${most === 1 ? "job" : "jobs"}`;
  const now = running === undefined ? "" : `, and ${running.total} do`;
  const change = `\`pointsman limits set ${name} MAX${zoneOption(job.zone)}\` changes it`;
  return `the limit ${name} lets ${many} ${whose} run at a time${now}${place}; ${change}`;
}

/** Which policy keeps changes from starting, until when, and what ends it before. */
async function frozen({ client, signal }: Asking, { blockingPolicy, frozenUntil }: Job): Promise<string> {
  const until = frozenUntil ? ` until ${time(frozenUntil)}` : "";
  const [kind, name] = [blockingPolicy.slice(0, blockingPolicy.indexOf("/")), blockingPolicy.replace(/^[^/]*\//, "")];
  const why = (owner?: string, reason?: string): string => (owner ? ` (${owner}: ${reason})` : "");
  if (kind === "stop") {
    const stop = await ifKnown(signal, () => client.policies.changeStop({ signal }));
    return `changes are stopped everywhere${why(stop?.owner, stop?.reason)}; \`pointsman allow-changes\` lets them start again`;
  }
  if (kind === "window") {
    const windows = await ifKnown(signal, () => client.policies.listWindows({ signal }));
    const window = windows?.find((one) => one.name === name);
    return `change window ${name}${why(window?.owner, window?.reason)} is closed${until}`;
  }
  const freezes = await ifKnown(signal, () => client.policies.listFreezes({ signal }));
  const freeze = freezes?.find((one) => one.name === name);
  return `freeze ${name}${why(freeze?.owner, freeze?.reason)} keeps changes from starting${until}; \`pointsman freezes delete ${name}\` ends it`;
}

/** A limit as it is set, and the jobs that share it with the one it holds up. */
interface Share {
  readonly name: string;
  readonly whose: string;
  readonly filter: { queues: string[] } | { creators: string[] } | { labels: Record<string, string> };
}

function shareOf(limit: string): Share | undefined {
  const slash = limit.indexOf("/");
  const [kind, name] = [limit.slice(0, slash), limit.slice(slash + 1)];
  if (kind === "queue") return { name: limit, whose: `in queue ${name}`, filter: { queues: [name] } };
  if (kind === "caller") return { name: limit, whose: `of ${name}`, filter: { creators: [name] } };
  const equals = name.indexOf("=");
  if (kind !== "label" || equals < 0) return undefined;
  const [label, value] = [name.slice(0, equals), name.slice(equals + 1)];
  return { name: `label/${label}`, whose: `with ${name}`, filter: { labels: { [label]: value } } };
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
