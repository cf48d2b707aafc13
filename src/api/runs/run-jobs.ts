import { fromBinary } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { type RunSpec, RunSpecSchema } from "@pointsman/sdk/v1";
import type { DueTarget, MakeRunJobs, RunRecord } from "../../domain/run.js";
import { decodeLogins } from "../../secrets/login-codec.js";
import { itemError } from "../calls/item-error.js";
import { prepareJob } from "../jobs/job-create.js";
import type { JobCreation } from "../jobs/job-wish.js";
import { readSurroundings } from "../jobs/job-surroundings.js";
import {
  type AskedTarget,
  deviceOf,
  giveLogins,
  nodeOf,
  jobOfTarget,
  specsToLookAt,
  targetOfBytes,
  targetPlace,
} from "./run-target.js";

/**
 * Makes the jobs of a run's targets, from what the inventory says now; or says why there can be none any more. Whoever
 * makes the job of a target, and however often, makes it under the same id and the same request id.
 */
export function createRunJobs(parts: JobCreation): MakeRunJobs {
  const { store, sealer } = parts;
  return async (run, due) => {
    const spec = fromBinary(RunSpecSchema, run.spec);
    const secrets = await store.runs.secrets(
      run.id,
      due.map(({ index }) => index),
    );
    const asked = due.map(({ index, record }) => {
      const target = targetOfBytes(record.name, record.own);
      const sealed = secrets.get(index);
      if (sealed) giveLogins(target, decodeLogins(sealer.open(sealed, targetPlace(run.id, index))));
      return target;
    });
    const around = await readSurroundings(store, specsToLookAt(spec, asked, true));
    return due.map((one, i) => {
      const target = asked[i] ?? "";
      try {
        return jobOf(run, spec, one, target);
      } catch (error) {
        if (!(error instanceof ConnectError)) throw error;
        const { reason, message } = itemError(error, "");
        return { reason, message };
      }
    });

    function jobOf(run: RunRecord, spec: RunSpec, { index, record, job: id }: DueTarget, target: AskedTarget) {
      const asked = jobOfTarget(spec, target, around.devices.get(deviceOf(target) ?? ""));
      // A node may serve several zones; the run counts on the one that it was created with.
      if (nodeOf(target) !== undefined) asked.zone = record.zone;
      const wish = {
        spec: asked,
        field: "run.job",
        creator: run.creator,
        scope: `run/${run.id}`,
        requestId: String(index),
        id,
      };
      const job = prepareJob(parts, around, wish);
      if (job.zone !== record.zone) {
        const message = `the device is in zone ${job.zone} now, and was in ${record.zone} when the run was created`;
        return { reason: "DEVICE_MOVED", message };
      }
      // What a word stands for may have changed since another server made the same job.
      const idempotency = { scope: wish.scope, requestId: wish.requestId, fingerprint: run.id };
      return { ...job, idempotency, run: { id: run.id, index } };
    }
  };
}
