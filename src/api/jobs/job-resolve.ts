import { fromBinary } from "@bufbuild/protobuf";
import { DedupePolicy, JobSpecSchema, ResolutionKind, type ResolveJobRequest } from "@pointsman/sdk/v1";
import { createJobId, zoneOfJobId } from "../../domain/job-id.js";
import type { JobRecord, NewJob, ResolutionRecord } from "../../domain/job.js";
import { invalidRequest, problem } from "../../errors.js";
import { hadOwnLogins } from "../../secrets/login-codec.js";
import { StoreError } from "../../store/store.js";
import type { Principal } from "../calls/call-context.js";
import { confirmTimerEndMs } from "./confirm-timer.js";
import { prepareJob } from "./job-create.js";
import type { JobCreation } from "./job-wish.js";
import { readSurroundings } from "./job-surroundings.js";
import { checkLifting } from "./lifted-commands.js";
import { jobNotFound } from "./job-watch.js";

const kinds: Readonly<Partial<Record<ResolutionKind, ResolutionRecord["kind"]>>> = {
  [ResolutionKind.APPLIED]: "APPLIED",
  [ResolutionKind.NOT_APPLIED]: "NOT_APPLIED",
  [ResolutionKind.RERUN]: "RERUN",
};

/**
 * Writes the verdict on an INDETERMINATE job, once; the same verdict again is answered with the one that stands. RERUN
 * names in its verdict the job to come and creates it then, so nothing can be done again that another verdict forbids;
 * repeated, it creates what is missing and answers the same. CONFIRM_TIMER_RUNNING while the device may still take the
 * change back by itself: what is seen on it then is not yet what became of it.
 */
export async function resolveJob(
  parts: JobCreation,
  request: ResolveJobRequest,
  caller: Principal,
): Promise<{ readonly job: JobRecord; readonly rerun?: JobRecord }> {
  const { id, reason } = request;
  const { name: resolver } = caller;
  const kind = kinds[request.kind]!;
  const job = await read(parts, id);
  if (kind === "RERUN") checkLifting(caller, fromBinary(JobSpecSchema, job.spec), "job");
  if (kind !== "RERUN") {
    const resolved = job.resolution ? job : await writeVerdict(parts, job, { kind, resolver, reason });
    if (resolved.resolution?.kind !== kind) throw resolvedBefore(id, resolved.resolution!);
    return { job: resolved };
  }
  const verdict = job.resolution ?? (await writeRerun(parts, job, resolver, reason));
  if (verdict.kind !== "RERUN" || verdict.rerunJob === undefined) throw resolvedBefore(id, verdict);
  const rerun = await doAgain(parts, job, verdict.rerunJob, verdict.resolver);
  return { job: await read(parts, id), rerun };
}

/** The job, whose outcome is or was unknown. */
async function read({ store }: JobCreation, id: string): Promise<JobRecord> {
  const job = await store.jobs.get(id);
  if (!job) throw jobNotFound(id);
  if (job.state === "INDETERMINATE") return job;
  throw problem("JOB_NOT_INDETERMINATE", `job ${id} is ${job.state}: its outcome is known`, { metadata: { job: id } });
}

function resolvedBefore(id: string, { kind, resolver }: ResolutionRecord): Error {
  const metadata = { job: id };
  return problem("JOB_ALREADY_RESOLVED", `job ${id} was resolved as ${kind} by ${resolver}`, { metadata });
}

/** Writes the verdict RERUN when the job can be done again; gives the verdict that holds, which can be another's. */
async function writeRerun(
  parts: JobCreation,
  job: JobRecord,
  resolver: string,
  reason: string,
): Promise<ResolutionRecord> {
  const { id } = job;
  const rerunJob = createJobId(parts.clock.now(), zoneOfJobId(id), parts.random);
  await rerunOf(parts, job, rerunJob, resolver);
  return (await writeVerdict(parts, job, { kind: "RERUN", resolver, reason, rerunJob })).resolution!;
}

/** Writes a verdict; gives the job with the verdict that holds, which can be another's that came first. */
async function writeVerdict(
  parts: JobCreation,
  job: JobRecord,
  verdict: Omit<ResolutionRecord, "timeMs">,
): Promise<JobRecord> {
  const { id } = job;
  try {
    return await parts.store.jobs.resolve(id, verdict, confirmTimerEndMs(job));
  } catch (error) {
    if (error instanceof StoreError && error.reason === "JOB_ALREADY_RESOLVED") return read(parts, id);
    throw error;
  }
}

/** The job that a verdict names: as it is, or created. One that ended and is gone again is not created anew. */
async function doAgain(parts: JobCreation, job: JobRecord, rerunJob: string, creator: string): Promise<JobRecord> {
  const { jobs } = parts.store;
  const made = await jobs.get(rerunJob);
  if (made) return made;
  if (job.retriedBy !== undefined) {
    throw problem("JOB_ALREADY_RESOLVED", `job ${job.id} was done again before, as job ${job.retriedBy}`, {
      metadata: { job: job.id },
    });
  }
  return (await jobs.create(await rerunOf(parts, job, rerunJob, creator))).job;
}

async function rerunOf(parts: JobCreation, job: JobRecord, id: string, creator: string): Promise<NewJob> {
  const spec = fromBinary(JobSpecSchema, job.spec);
  if (spec.target.case === "endpoint" && hadOwnLogins(spec.target.value)) {
    throw notAgain("needs the job's login, which was erased when it ended");
  }
  delete spec.startTime;
  // It was asked for by name: no other job of the same key can stand in for it, or stand in its way.
  spec.dedupeKey = "";
  spec.dedupePolicy = DedupePolicy.UNSPECIFIED;
  const around = await readSurroundings(parts.store, [spec]);
  // No caller in the scope: whoever repeats the RERUN means the same new job.
  const wish = { spec, field: "job", creator, scope: "/ResolveJob", requestId: `rerun/${job.id}` };
  const rerun = prepareJob(parts, around, { ...wish, id, retryOf: job.id });
  if (rerun.zone !== job.zone) throw notAgain(`needs the device in zone ${job.zone}, but it is in ${rerun.zone} now`);
  return rerun;
}

function notAgain(why: string): Error {
  return invalidRequest({ field: "kind", description: `RERUN ${why}: create a new job and resolve otherwise` });
}
