import { fromBinary } from "@bufbuild/protobuf";
import { type HttpOperation, HttpOperationSchema } from "@pointsman/sdk/v1";
import type { ChildJobs } from "../domain/child-jobs.js";
import type { ProgramRunner } from "../domain/programs.js";
import type { TaskRunner } from "../domain/task-runner.js";
import type { Outbound } from "../outbound/outbound.js";
import { jobPlace } from "../secrets/login-codec.js";
import type { Sealer } from "../secrets/sealer.js";
import type { Claim } from "../store/store.js";
import { AttemptError } from "./failure.js";

/** What work without a device is done with. */
export interface Tools {
  readonly programs: ProgramRunner;
  /** Programs that shell work may run, as their first word names them; "*" stands for all. */
  readonly shellCommands: readonly string[];
  /** The environment that programs get, and the folder they start in. */
  readonly programHome: { readonly env: Readonly<Record<string, string>>; readonly directory: string };
  readonly outbound: Outbound;
  /** The machine it is, by the name that jobs call it. */
  readonly node: string;
  readonly tasks: TaskRunner;
  /** Jobs that tasks ask for. */
  readonly children: ChildJobs;
}

/** The secrets of a call that were sealed apart from its job. Throws AttemptError CREDENTIAL_UNAVAILABLE. */
export function openCall(sealer: Sealer, { job, sealedSecret }: Claim): HttpOperation | undefined {
  if (!sealedSecret) return undefined;
  try {
    return fromBinary(HttpOperationSchema, sealer.open(sealedSecret, jobPlace(job.id)));
  } catch {
    throw new AttemptError("CREDENTIAL_UNAVAILABLE", "the job's own secrets cannot be opened by this worker");
  }
}
