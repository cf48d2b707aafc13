import { clone, create, fromBinary } from "@bufbuild/protobuf";
import { type RetryRunRequest, RetryRunRequestSchema, RunSpecSchema, type RunTarget } from "@pointsman/sdk/v1";
import type { RunRecord } from "../../domain/run.js";
import { isRunFinal, type TargetState, targetStates } from "../../domain/run-state.js";
import { problem } from "../../errors.js";
import { hadOwnLogins } from "../../secrets/login-codec.js";
import type { Principal } from "../calls/call-context.js";
import { canonicalBytes } from "../calls/canonical-bytes.js";
import type { JobCreation } from "../jobs/job-wish.js";
import { checkLifting } from "../jobs/lifted-commands.js";
import { type AcceptedRun, createRun } from "./run-create.js";
import { targetStateNames } from "./run-enums.js";
import { targetOfBytes } from "./run-target.js";
import { needRun, targetsIn } from "./run-view.js";

const page = 1_000;
const unlessAsked: readonly TargetState[] = targetStates.filter(
  (state) => state !== "PENDING" && state !== "STARTED" && state !== "SUCCEEDED",
);

/**
 * Does an ended run again for its targets in some states, as a new run. Throws RUN_NOT_FOUND, RUN_NOT_FINAL, NO_TARGETS,
 * and SECRET_ERASED when one of them came with its own login.
 */
export async function retryRun(
  parts: JobCreation,
  { id, requestId, states }: RetryRunRequest,
  caller: Principal,
): Promise<AcceptedRun> {
  const { store } = parts;
  const run = await needRun(store.runs, id);
  if (!isRunFinal(run.state)) {
    throw problem("RUN_NOT_FINAL", `run ${id} is ${run.state}: only what has ended is done again`, {
      metadata: { run: id },
    });
  }
  const wanted = states.length > 0 ? targetStateNames(states) : unlessAsked;
  const spec = clone(RunSpecSchema, fromBinary(RunSpecSchema, run.spec));
  checkLifting(caller, spec.job, "run.job");
  const { name: creator } = caller;
  delete spec.selector;
  spec.allNodes = false;
  delete spec.job?.startTime;
  for (let from: number | undefined = 0; from !== undefined;) {
    const found: { indexes: readonly number[]; next?: number } = await targetsIn(store, run, wanted, from, page);
    for (const { name, own, rejection } of await store.runs.targets(id, await again(parts, run, found.indexes))) {
      // It stands in the run once more, and that is where it was worked on.
      if (rejection?.reason === "DUPLICATE_TARGET") continue;
      const target = targetOfBytes(name, own);
      if (typeof target === "string") {
        // Behind targets with something of their own the order would be lost in the list of names.
        if (spec.targets.length === 0) spec.devices.push(target);
        else spec.targets.push(plain(target));
        continue;
      }
      if (target.target.case === "endpoint" && hadOwnLogins(target.target.value)) {
        throw problem("SECRET_ERASED", `${name} came with its own login, which is erased; create the run anew`);
      }
      spec.targets.push(target);
    }
    from = found.next;
  }
  if (spec.devices.length + spec.targets.length === 0) {
    throw problem("NO_TARGETS", `run ${id} has no target that is to be done again`, { metadata: { run: id } });
  }
  // What is left to do may be another by now; who repeats the request asks for the same.
  const asked = canonicalBytes(RetryRunRequestSchema, create(RetryRunRequestSchema, { id, states }));
  return createRun(parts, { spec, creator, scope: `${creator}/RetryRun`, requestId, asked, retryOf: id });
}

function plain(name: string): RunTarget {
  return {
    $typeName: "pointsman.v1.RunTarget",
    target: { case: "device", value: name },
    variables: {},
    labels: {},
    operation: { case: undefined },
  };
}

/** What may be done again: of targets whose outcome is unknown those of which somebody said that nothing was done. */
async function again({ store }: JobCreation, run: RunRecord, indexes: readonly number[]): Promise<readonly number[]> {
  const progress = await store.runs.progress(run.id, indexes);
  const doubtful = progress.filter(({ state }) => state === "INDETERMINATE");
  const jobs = await store.jobs.getMany(doubtful.flatMap(({ job }) => job ?? []));
  const settled = new Set(jobs.flatMap((job) => (job?.resolution?.kind === "NOT_APPLIED" ? [job.id] : [])));
  return progress.flatMap(({ index, state, job }) =>
    state !== "INDETERMINATE" || settled.has(job ?? "") ? [index] : [],
  );
}
