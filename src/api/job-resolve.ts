import { fromBinary } from "@bufbuild/protobuf";
import { type JobSpec, JobSpecSchema, ResolutionKind, type ResolveJobRequest } from "@pointsman/sdk/v1";
import type { JobRecord, NewJob, ResolutionRecord } from "../domain/job.js";
import { invalidRequest, problem } from "../errors.js";
import { StoreError } from "../store/store.js";
import { type JobCreation, prepareJob, readSurroundings } from "./job-create.js";
import { jobNotFound } from "./job-watch.js";

/** Label of a job that does the work of an INDETERMINATE one again: that one's id. */
export const rerunLabel = "pointsman/rerun-of";

const kinds: Readonly<Partial<Record<ResolutionKind, ResolutionRecord["kind"]>>> = {
  [ResolutionKind.APPLIED]: "APPLIED",
  [ResolutionKind.NOT_APPLIED]: "NOT_APPLIED",
  [ResolutionKind.RERUN]: "RERUN",
};

/**
 * Writes the verdict on an INDETERMINATE job. For RERUN the new job is created first: while the verdict is not written
 * the device is held, so the new job cannot start. Whoever loses a race for the verdict takes its new job back.
 */
export async function resolveJob(
  parts: JobCreation,
  request: ResolveJobRequest,
  resolver: string,
): Promise<{ readonly job: JobRecord; readonly rerun?: JobRecord }> {
  const { jobs } = parts.store;
  const { id, reason } = request;
  const kind = kinds[request.kind]!;
  const job = await jobs.get(id);
  if (!job) throw jobNotFound(id);
  if (job.state !== "INDETERMINATE") {
    throw problem("JOB_NOT_INDETERMINATE", `job ${id} is ${job.state}: its outcome is known`);
  }
  if (job.resolution) throw problem("JOB_ALREADY_RESOLVED", `job ${id} was resolved as ${job.resolution.kind}`);
  const waiting = await waitingReruns(parts, id);
  if (kind !== "RERUN") {
    // Left by a RERUN that was cut before its verdict was written: it must not start when the hold is lifted.
    await takeBack(parts, waiting, resolver);
    return { job: await jobs.resolve(id, { kind, resolver, reason }) };
  }
  const rerun = waiting[0] ?? (await jobs.create(await rerunOf(parts, job, resolver))).job;
  try {
    return { job: await jobs.resolve(id, { kind, resolver, reason, rerunJob: rerun.id }), rerun };
  } catch (error) {
    if (error instanceof StoreError && error.reason === "JOB_ALREADY_RESOLVED") {
      const now = await jobs.get(id);
      if (now?.resolution?.rerunJob !== rerun.id) await takeBack(parts, [rerun], resolver);
    }
    throw error;
  }
}

async function waitingReruns(parts: JobCreation, id: string): Promise<readonly JobRecord[]> {
  const query = { labels: { [rerunLabel]: id }, states: ["QUEUED", "DELAYED"] as const };
  return (await parts.store.jobs.list(query, { limit: 10 })).jobs;
}

async function takeBack(parts: JobCreation, jobs: readonly JobRecord[], caller: string): Promise<void> {
  const how = { interruptRunning: false, caller, reason: "the job it would do again was resolved otherwise" };
  for (const job of jobs) await parts.store.jobs.cancel(job.id, how);
}

async function rerunOf(parts: JobCreation, job: JobRecord, creator: string): Promise<NewJob> {
  const spec: JobSpec = fromBinary(JobSpecSchema, job.spec);
  if (spec.target.case === "endpoint" && spec.target.value.login.case === undefined) {
    throw invalidRequest({
      field: "kind",
      description:
        "RERUN needs the job's login, which was erased when it ended: create a new job and resolve otherwise",
    });
  }
  delete spec.startTime;
  spec.labels[rerunLabel] = job.id;
  const around = await readSurroundings(parts.store, [spec]);
  // No caller in the scope: whoever repeats the RERUN means the same new job.
  return prepareJob(parts, around, { spec, field: "job", creator, scope: "/ResolveJob", requestId: `rerun/${job.id}` });
}
