import { clone, fromBinary } from "@bufbuild/protobuf";
import { ConfigMode, type ConfigureOperation, type JobSpec, JobSpecSchema } from "@pointsman/sdk/v1";
import type { JobRecord } from "../../domain/job.js";
import { invalidRequest, problem } from "../../errors.js";
import type { JobStore } from "../../store/store.js";
import { viewFullJob } from "./job-view.js";

/** An earlier job that a configuration refers to. */
export interface EarlierJob {
  readonly job: JobRecord;
  /** The running configuration before it, where it kept that. */
  readonly before?: string;
}

/** Reads the jobs that specs refer to by `lines_of` and `before_job`. */
export async function readEarlierJobs(
  store: JobStore,
  specs: readonly JobSpec[],
): Promise<ReadonlyMap<string, EarlierJob>> {
  const operations = specs.flatMap(({ operation }) => (operation.case === "configure" ? [operation.value] : []));
  const kept = new Set(operations.flatMap(({ beforeJob }) => (beforeJob === "" ? [] : [beforeJob])));
  const ids = [...new Set(operations.flatMap(({ linesOf }) => (linesOf === "" ? [] : [linesOf]))), ...kept];
  if (ids.length === 0) return new Map();
  const found = (await store.getMany(ids)).filter((job) => job !== undefined);
  const before = async (job: JobRecord): Promise<EarlierJob> => {
    if (!kept.has(job.id)) return { job };
    const { result } = await viewFullJob(store, job);
    const text = result?.result.case === "configure" ? result.result.value.before : undefined;
    return text === undefined || text.truncated || text.expired ? { job } : { job, before: text.text };
  };
  const earlier = await Promise.all(found.map(before));
  return new Map(earlier.map((one) => [one.job.id, one]));
}

/**
 * The spec with the input that it takes from an earlier job of the same endpoint; one that looks what became of that job
 * means the input as that did. Throws INVALID_REQUEST when there is none, and CANNOT_RESTORE when that job kept no
 * configuration.
 */
export function withEarlierInput(
  earlier: ReadonlyMap<string, EarlierJob>,
  { spec, field }: { readonly spec: JobSpec; readonly field: string },
  endpoint: string | undefined,
): JobSpec {
  const { operation } = spec;
  if (operation.case !== "configure") return spec;
  const { linesOf, beforeJob, mode } = operation.value;
  const [name, id] = linesOf === "" ? ["before_job", beforeJob] : ["lines_of", linesOf];
  if (id === "") return spec;
  const place = `${field}.configure.${name}`;
  const found = earlier.get(id);
  const former = found && fromBinary(JobSpecSchema, found.job.spec).operation;
  if (!found || former?.case !== "configure") {
    throw invalidRequest({ field: place, description: "is no configuration job" });
  }
  if (found.job.endpoint !== endpoint) {
    throw invalidRequest({ field: place, description: "is a job of another device" });
  }
  if (name === "before_job" && found.before === undefined) {
    const why =
      "did not keep its running configuration (keep_before_after), or it was not told whole, or was removed to make room";
    throw problem("CANNOT_RESTORE", `job ${id} ${why}`, { metadata: { job: id } });
  }
  const looks = name === "lines_of" && mode === ConfigMode.RECONCILE;
  if (name === "lines_of" && former.value.beforeJob !== "" && !looks) {
    // Its input is a whole configuration without its secrets.
    const description = `is a job that went back; its lines are worked out anew by before_job ${former.value.beforeJob}`;
    throw invalidRequest({ field: place, description });
  }
  const filled = clone(JobSpecSchema, spec);
  const own = filled.operation.value as ConfigureOperation;
  own.input =
    found.before !== undefined && name === "before_job" ? { case: "text", value: found.before } : former.value.input;
  if (looks) {
    own.beforeJob = former.value.beforeJob;
    own.kind = former.value.kind;
  }
  return filled;
}
